"""Who gets in: by invitation and password, with a second factor, and not by guessing."""

from __future__ import annotations

import itertools

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.levels import Level
from accounts.models import User
from accounts.services.leaving import user_leave
from accounts.services.people import user_freeze
from audit.models import Event
from tests.factories import COMMAND, PASSWORD, SocialAccountFactory, UserFactory, give

pytestmark = pytest.mark.django_db
_addresses = itertools.count(1)


@pytest.fixture(autouse=True)
def _quick(settings):
    """No tries left over from other tests, few needed for a lock, and a hash that costs nothing."""
    cache.clear()
    settings.AXES_FAILURE_LIMIT = 4
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def client():
    return Client(REMOTE_ADDR=f"198.51.100.{next(_addresses)}")


@pytest.fixture
def user():
    return UserFactory(password=PASSWORD)


def enter(client, email, password=PASSWORD):
    return client.post(reverse("account_login"), {"login": email, "password": password})


def prove(client):
    """The password once more, as changing how one signs in demands."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def is_in(client):
    return client.get(reverse("profile")).status_code == 200


def code_of(secret):
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


# --- the wall -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["accounts:register", "people:people", "people:teams", "profile", "organisation"]
)
def test_a_visitor_is_asked_to_sign_in(client, name):
    answer = client.get(reverse(name))
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('account_login')}?next={reverse(name)}"


def test_signing_in_and_out_goes_on_record(client, user):
    assert enter(client, user.email.upper()).status_code == 302
    assert is_in(client)
    client.post(reverse("account_logout"))
    assert not is_in(client)
    events = Event.objects.filter(actor_id=user.pk).order_by("id")
    assert [e.name for e in events] == ["session.started", "session.ended"]
    assert events[0].address == client.defaults["REMOTE_ADDR"]


@pytest.mark.parametrize("who", ["known", "unknown"])
def test_a_wrong_password_says_the_same_for_known_and_unknown(client, user, who):
    email = user.email if who == "known" else "nobody@northmoor.example"
    answer = enter(client, email, "wrong-password-42")
    assert answer.status_code == 200
    assert "The email address and/or password you specified are not correct" in (
        answer.content.decode()
    )
    event = Event.objects.get(name="session.refused")
    assert event.data["tried"] == email
    assert "wrong-password-42" not in str(event.__dict__)


def test_there_is_no_registration(client):
    answer = client.get("/auth/sign-up/")
    assert answer.status_code == 302
    assert answer["Location"] == reverse("account_login")
    client.post(
        "/auth/sign-up/",
        {"email": "me@evil.example", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert not User.objects.filter(email="me@evil.example").exists()
    from allauth.account.adapter import get_adapter

    assert not get_adapter().is_open_for_signup(None)


def test_posts_without_a_token_of_ours_are_refused(user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.post(reverse("profile"), {"full_name": "Forged", "time_zone": ""})
    assert answer.status_code == 403
    user.refresh_from_db()
    assert user.full_name != "Forged"


# --- frozen and gone ----------------------------------------------------------------------------


def test_freezing_takes_effect_on_the_very_next_request(client, user):
    account = SocialAccountFactory()
    give(user, Level.MANAGER, account)
    enter(client, user.email)
    assert client.get(f"/accounts/{account.pk}/").status_code == 200
    user_freeze(actor=COMMAND, user=user, reason="phone stolen")
    answer = client.get(f"/accounts/{account.pk}/")
    assert answer.status_code == 302
    assert answer["Location"] == reverse("account_inactive")
    assert "_auth_user_id" not in client.session
    assert not is_in(client)


def test_a_frozen_post_changes_nothing(client, user):
    account = SocialAccountFactory()
    give(user, Level.MANAGER, account)
    enter(client, user.email)
    user_freeze(actor=COMMAND, user=user, reason="phone stolen")
    client.post(f"/accounts/{account.pk}/freeze/", {"reason": "revenge"})
    account.refresh_from_db()
    assert not account.is_frozen


def test_the_frozen_and_the_gone_cannot_sign_in(client, user):
    user_freeze(actor=COMMAND, user=user, reason="phone stolen")
    assert enter(client, user.email)["Location"] == reverse("account_inactive")
    assert not is_in(client)
    gone = UserFactory(password=PASSWORD)
    user_leave(actor=COMMAND, user=gone, reason="moved")
    enter(client, gone.email)
    assert not is_in(client)


def test_leaving_ends_every_session(client, user):
    other = Client(REMOTE_ADDR="198.51.100.250")
    for device in (client, other):
        enter(device, user.email)
        assert is_in(device)
    user_leave(actor=COMMAND, user=user, reason="moved")
    assert not is_in(client)
    assert not is_in(other)


# --- guessing -----------------------------------------------------------------------------------


def test_guessing_is_stopped_even_when_the_next_guess_is_right(client, user, settings):
    settings.ACCOUNT_RATE_LIMITS = False  # allauth's own limit would hide what axes does
    for _ in range(settings.AXES_FAILURE_LIMIT):
        last = enter(client, user.email, "wrong-password-42")
    assert last.status_code == 429
    answer = enter(client, user.email)
    assert answer.status_code == 429
    assert not is_in(client)
    elsewhere = Client(REMOTE_ADDR="198.51.100.251")
    enter(elsewhere, user.email)
    assert is_in(elsewhere), "the person themselves is not locked out elsewhere"
    with time_machine.travel(timezone.now() + timezone.timedelta(minutes=16)):
        enter(client, user.email)
        assert is_in(client), "the lock ends by itself"


def test_spelling_the_address_otherwise_gives_no_more_guesses(client, user, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    for n in range(settings.AXES_FAILURE_LIMIT):
        enter(client, user.email.upper() if n % 2 else f" {user.email}", "wrong-password-42")
    assert enter(client, user.email.title()).status_code == 429
    assert not is_in(client)


def test_other_people_at_the_same_address_are_not_locked_out(client, user, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    for _ in range(settings.AXES_FAILURE_LIMIT):
        enter(client, user.email, "wrong-password-42")
    assert not is_in(client)
    colleague = UserFactory(password=PASSWORD)
    enter(client, colleague.email)
    assert is_in(client)


# --- the second factor ----------------------------------------------------------------------------


@pytest.fixture
def demanded(settings):
    settings.REQUIRE_MFA = True


@pytest.mark.parametrize("path", ["/", "/accounts/", "/settings/", "/people/", "/accounts/1/"])
def test_where_it_is_demanded_everything_leads_to_setting_it_up(client, user, demanded, path):
    enter(client, user.email)
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"] == reverse("mfa_index")
    assert client.get(reverse("mfa_index")).status_code == 200


def test_setting_it_up_and_signing_in_with_it(
    client, user, demanded, django_capture_on_commit_callbacks
):
    enter(client, user.email)
    assert client.get(reverse("mfa_activate_totp")).status_code == 302
    prove(client)
    assert client.get(reverse("mfa_activate_totp")).status_code == 200
    secret = client.session["mfa.totp.secret"]
    wrong = client.post(reverse("mfa_activate_totp"), {"code": "000000"})
    assert wrong.status_code == 200
    assert not Authenticator.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert is_in(client)
    sealed = Authenticator.objects.get(type="totp").data["secret"]
    assert secret not in sealed
    changed = Event.objects.filter(name="mfa.changed").values_list("data", flat=True)
    assert {"what": "added", "kind": "totp"} in list(changed)

    client.post(reverse("account_logout"))
    enter(client, user.email)
    assert not is_in(client), "the password alone is not enough"
    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert not is_in(client)
    with time_machine.travel(timezone.now() + timezone.timedelta(seconds=61)):
        client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
        assert is_in(client)


def test_a_recovery_code_lets_in_once(client, user, demanded):
    enter(client, user.email)
    prove(client)
    client.get(reverse("mfa_activate_totp"))
    secret = client.session["mfa.totp.secret"]
    client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    assert codes[0] in client.get(reverse("mfa_view_recovery_codes")).content.decode()
    for expected in (True, False):
        client.post(reverse("account_logout"))
        enter(client, user.email)
        client.post(reverse("mfa_authenticate"), {"code": codes[0]})
        assert is_in(client) == expected


def test_taking_the_last_second_factor_away_leads_back_to_setting_it_up(client, user, demanded):
    Authenticator.objects.create(user=user, type="totp", data={})
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert is_in(client)
    Authenticator.objects.all().delete()
    assert client.get("/settings/")["Location"] == reverse("mfa_index")


def test_a_new_password_goes_on_record(client, user):
    enter(client, user.email)
    new = "another-battery-staple"
    client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    user.refresh_from_db()
    assert user.check_password(new)
    assert Event.objects.get(name="password.changed").actor_id == user.pk
