"""`decide` and `accounts_where` give the same answer, and it is the one DESIGN's table gives."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.conditions import limits_refresh
from accounts.levels import Capability, Level, OrgCapability
from accounts.models import Acceptance, PolicyDocument, PolicyVersion, SocialAccount, User
from accounts.policy import (
    Rights,
    accounts_where,
    by,
    capabilities_by_account,
    decide,
    decide_org,
    decided_inside,
    on_account_or_org,
    organisation,
    people_with,
    require,
    require_org,
)
from accounts.services.conditions import policy_accept
from accounts.services.grants import grant_end
from audit.actions import NotAllowed
from audit.actors import Actor, ActorKind
from tests.factories import (
    COMMAND,
    SocialAccountFactory,
    UserFactory,
    give,
    make_policy,
    make_team,
    make_training,
    new_version,
    require_of,
    train,
)

pytestmark = pytest.mark.django_db

V, D, P, M, A, G = (
    Capability.VIEW,
    Capability.DRAFT,
    Capability.PUBLISH,
    Capability.MODERATE,
    Capability.APPROVE,
    Capability.MANAGE,
)
# Written out here, too, so that a slip in the table of the code shows.
TABLE = {
    Level.VIEWER: {V},
    Level.CONTRIBUTOR: {V, D},
    Level.PUBLISHER: {V, D, P, M},
    Level.APPROVER: {V, D, P, M, A},
    Level.MANAGER: {V, D, P, M, A, G},
}
NOTHING: set[Capability] = set()


class World:
    """One person, one account they may have a level on, one they have nothing to do with."""

    def __init__(self, level: Level, settings) -> None:
        self.level = level
        self.settings = settings
        self.user: User = UserFactory()
        self.account: SocialAccount = SocialAccountFactory()
        SocialAccountFactory()

    def own(self, **how):
        return give(self.user, self.level, self.account, **how)

    def team(self):
        return give(make_team(f"team of {self.user.pk}", self.user), self.level, self.account)


def own_grant(w):
    w.own()
    return TABLE[w.level]


def team_grant(w):
    w.team()
    return TABLE[w.level]


def both_the_higher_counts(w):
    w.own()
    give(make_team("readers", w.user), Level.VIEWER, w.account)
    return TABLE[w.level]


def expired(w):
    w.own(expired=True)
    return NOTHING


def expired_but_team_still(w):
    w.own(expired=True)
    give(make_team("readers", w.user), Level.VIEWER, w.account)
    return {V}


def ended(w):
    grant_end(actor=COMMAND, grant=w.own())
    return NOTHING


def ends_tomorrow(w):
    grant = w.own()
    grant.ends_at = timezone.now() + timedelta(days=1)
    grant.save()
    return TABLE[w.level]


def left_the_team(w):
    w.team()
    w.user.groups.clear()
    return NOTHING


def level_on_another_account(w):
    give(w.user, w.level, SocialAccountFactory())
    return NOTHING


def somebody_elses_level(w):
    give(UserFactory(), w.level, w.account)
    return NOTHING


def frozen_person(w):
    w.own()
    w.user.frozen_at = timezone.now()
    w.user.save()
    return NOTHING


def inactive_person(w):
    w.own()
    w.user.is_active = False
    w.user.save()
    return NOTHING


def frozen_account(w):
    w.own()
    w.account.frozen_at, w.account.frozen_reason = timezone.now(), "a storm of lies"
    w.account.save()
    return TABLE[w.level] & {V, G}


def disconnected(w):
    w.own()
    w.account.disconnected_at = timezone.now()
    w.account.save()
    return TABLE[w.level] & {V, G}


def mfa_demanded_and_missing(w):
    w.own()
    w.settings.REQUIRE_MFA = True
    return NOTHING


def mfa_demanded_recovery_codes_alone(w):
    w.own()
    w.settings.REQUIRE_MFA = True
    Authenticator.objects.create(user=w.user, type="recovery_codes", data={})
    return NOTHING


def mfa_demanded_and_there(w):
    w.own()
    w.settings.REQUIRE_MFA = True
    Authenticator.objects.create(user=w.user, type="totp", data={})
    return TABLE[w.level]


def administrator_without_level(w):
    w.user.is_administrator = True
    w.user.save()
    return {G}


def administrator_with_level(w):
    w.own()
    w.user.is_administrator = True
    w.user.save()
    return TABLE[w.level] | {G}


def auditor_without_level(w):
    w.user.is_auditor = True
    w.user.save()
    return {V}


def auditor_with_level(w):
    w.team()
    w.user.is_auditor = True
    w.user.save()
    return TABLE[w.level] | {V}


def frozen_administrator(w):
    w.user.is_administrator, w.user.frozen_at = True, timezone.now()
    w.user.save()
    return NOTHING


def outsider(w):
    return NOTHING


def training_missing(w):
    w.own()
    require_of(w.level, make_training())
    w.user.refresh_from_db()
    return NOTHING


def training_in_date(w):
    w.own()
    training = make_training()
    require_of(w.level, training)
    train(w.user, training)
    w.user.refresh_from_db()
    return TABLE[w.level]


def training_run_out(w):
    w.team()
    training = make_training()
    require_of(w.level, training)
    train(w.user, training, days=-1)
    w.user.refresh_from_db()
    return NOTHING


def training_demanded_from_tomorrow(w):
    w.own()
    require_of(w.level, make_training(), in_days=1)
    w.user.refresh_from_db()
    return TABLE[w.level]


def policy_not_accepted(w):
    w.own()
    require_of(w.level, make_policy().document)
    w.user.refresh_from_db()
    return NOTHING


def policy_accepted(w):
    w.own()
    version = make_policy()
    require_of(w.level, version.document)
    policy_accept(actor=Actor.person(w.user), version=version, sha256=version.sha256)
    w.user.refresh_from_db()
    return TABLE[w.level]


def new_version_has_time(w):
    held = policy_accepted(w)
    new_version(PolicyDocument.objects.get(), days=5)
    w.user.refresh_from_db()
    return held


def new_version_past_its_day(w):
    policy_accepted(w)
    new_version(PolicyDocument.objects.get(), days=5)
    PolicyVersion.objects.filter(number=2).update(accept_by=timezone.now())
    limits_refresh([w.user])
    w.user.refresh_from_db()
    return NOTHING


def level_lapsed_but_team_still(w):
    training_missing(w)
    other = Level.CONTRIBUTOR if w.level == Level.VIEWER else Level.VIEWER
    give(make_team("others", w.user), other, w.account)
    return TABLE[other]


def condition_of_another_level(w):
    w.own()
    for level in set(Level) - {w.level}:
        require_of(level, make_training(f"for {level}"))
    w.user.refresh_from_db()
    return TABLE[w.level]


def administrator_whose_level_lapsed(w):
    training_missing(w)
    w.user.is_administrator = True
    w.user.save()
    return {G}


SITUATIONS = [
    own_grant,
    team_grant,
    both_the_higher_counts,
    expired,
    expired_but_team_still,
    ended,
    ends_tomorrow,
    left_the_team,
    level_on_another_account,
    somebody_elses_level,
    frozen_person,
    inactive_person,
    frozen_account,
    disconnected,
    mfa_demanded_and_missing,
    mfa_demanded_recovery_codes_alone,
    mfa_demanded_and_there,
    administrator_without_level,
    administrator_with_level,
    auditor_without_level,
    auditor_with_level,
    frozen_administrator,
    outsider,
    training_missing,
    training_in_date,
    training_run_out,
    training_demanded_from_tomorrow,
    policy_not_accepted,
    policy_accepted,
    new_version_has_time,
    new_version_past_its_day,
    level_lapsed_but_team_still,
    condition_of_another_level,
    administrator_whose_level_lapsed,
]
# The person has no level at all here, and is not told that the account exists.
HIDDEN = {
    expired,
    ended,
    left_the_team,
    level_on_another_account,
    somebody_elses_level,
    outsider,
}


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.__name__)
def test_both_forms_of_the_question_agree_with_the_table(situation, level, settings):
    world = World(level, settings)
    held = situation(world)
    actor, account = Actor.person(world.user), world.account
    rights = Rights(actor, [account])
    for capability in Capability:
        expected = capability in held
        decision = decide(actor, capability, account)
        assert decision.allowed == expected, capability
        found = accounts_where(actor, capability).filter(pk=account.pk).exists()
        assert found == expected, capability
        assert rights.decide(capability, account) == decision, capability
        by_grant = capability in capabilities_by_account(world.user, [account.pk]).get(
            account.pk, frozenset()
        )
        told = people_with(capability, account).filter(pk=world.user.pk).exists()
        roles = {G} if world.user.is_administrator else {V} if world.user.is_auditor else set()
        if capability not in roles:
            here = world.user.is_active and not world.user.is_frozen
            assert told == (here and by_grant), capability
        if expected:
            require(actor, capability, account)
            continue
        assert decision.reason
        assert decision.hidden == (situation in HIDDEN), capability
        with pytest.raises(NotAllowed) as refused:
            require(actor, capability, account)
        assert refused.value.hidden == decision.hidden


@pytest.mark.parametrize("seed", range(4))
def test_they_agree_for_everybody_on_everything_at_once(seed):
    rng = random.Random(seed)
    users = [
        UserFactory(
            is_administrator=rng.random() < 0.15,
            is_auditor=rng.random() < 0.15,
            is_active=rng.random() > 0.1,
            frozen_at=timezone.now() if rng.random() < 0.1 else None,
        )
        for _ in range(8)
    ]
    here = [u for u in users if u.is_active]
    accounts = [
        SocialAccountFactory(
            frozen_at=timezone.now() if rng.random() < 0.2 else None,
            disconnected_at=timezone.now() if rng.random() < 0.2 else None,
        )
        for _ in range(6)
    ]
    teams = [make_team(f"T{n}", *rng.sample(users, 3)) for n in range(3)]
    for account in accounts:
        for holder in rng.sample([*here, *teams], 4):
            give(holder, rng.choice(list(Level)), account, expired=rng.random() < 0.3)
    training, version = make_training(), make_policy()
    require_of(rng.choice(list(Level)), training, version.document)
    for user in here:
        if rng.random() < 0.5:
            train(user, training, days=rng.choice([-1, 5]))
        if rng.random() < 0.5:
            Acceptance.objects.create(user=user, version=version, sha256=version.sha256)
    limits_refresh()
    for user in users:
        user.refresh_from_db()
    answers = set()
    for user in users:
        actor = Actor.person(user)
        rights = Rights(actor, accounts)
        for capability in Capability:
            some = set(accounts_where(actor, capability))
            assert some == {a for a in accounts if decide(actor, capability, a)}
            assert some == {a for a in accounts if rights.decide(capability, a)}
            answers.add(len(some))
    assert len(answers) > 2, "the dice made no difference"


def test_rights_ask_twice_however_many_accounts_there_are(django_assert_num_queries):
    user = UserFactory()
    accounts = [SocialAccountFactory() for _ in range(12)]
    for account in accounts[::2]:
        give(user, Level.PUBLISHER, account)
    with django_assert_num_queries(1):
        rights = Rights(Actor.person(user), accounts)
        may = [bool(rights.decide(Capability.PUBLISH, a)) for a in accounts]
    assert may == [True, False] * 6


def test_rights_ask_the_policy_about_an_account_they_were_not_told_of():
    user, account = UserFactory(), SocialAccountFactory()
    give(user, Level.VIEWER, account)
    rights = Rights(Actor.person(user), [])
    assert rights.decide(Capability.VIEW, account)
    assert not rights.decide(Capability.PUBLISH, account)


def test_a_reason_names_the_level_that_is_needed_and_the_one_there_is():
    user, account = UserFactory(), SocialAccountFactory(display_name="Fire")
    give(user, Level.CONTRIBUTOR, account)
    reason = decide(Actor.person(user), Capability.APPROVE, account).reason
    assert "approver" in reason
    assert "contributor" in reason
    assert "Fire" in reason


def test_an_administrator_is_told_that_content_needs_a_level(administrator):
    decision = decide(Actor.person(administrator), Capability.VIEW, SocialAccountFactory())
    assert "no level" in decision.reason


def test_a_command_manages_and_looks_but_never_speaks():
    account = SocialAccountFactory()
    for capability in Capability:
        expected = capability in {V, G}
        assert bool(decide(COMMAND, capability, account)) == expected
        assert accounts_where(COMMAND, capability).exists() == expected
        assert bool(Rights(COMMAND, [account]).decide(capability, account)) == expected
    assert decide_org(COMMAND, OrgCapability.PEOPLE)


@pytest.mark.parametrize("actor", [Actor.worker("publisher"), Actor.anonymous()])
def test_nobody_else_has_levels_or_roles(actor):
    account = SocialAccountFactory()
    for capability in Capability:
        assert not decide(actor, capability, account)
        assert not accounts_where(actor, capability).exists()
    for capability in OrgCapability:
        assert not decide_org(actor, capability)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (
            "is_administrator",
            {
                OrgCapability.PEOPLE,
                OrgCapability.ACCOUNTS,
                OrgCapability.SETTINGS,
                OrgCapability.ERASE,
            },
        ),
        ("is_auditor", {OrgCapability.RECORD}),
        ("is_evidence_officer", set()),
        (None, set()),
    ],
)
def test_roles_of_the_organisation(role, expected):
    user = UserFactory(**({role: True} if role else {}))
    allowed = {c for c in OrgCapability if decide_org(Actor.person(user), c)}
    assert allowed == expected
    for capability in set(OrgCapability) - expected:
        with pytest.raises(NotAllowed, match="role"):
            require_org(Actor.person(user), capability)


def test_a_frozen_administrator_has_no_role(administrator):
    administrator.frozen_at = timezone.now()
    assert not decide_org(Actor.person(administrator), OrgCapability.PEOPLE)


def test_capabilities_of_all_accounts_come_from_grants_in_one_query(django_assert_num_queries):
    user, mine = UserFactory(), SocialAccountFactory()
    SocialAccountFactory()
    give(user, Level.CONTRIBUTOR, mine)
    with django_assert_num_queries(1):
        assert capabilities_by_account(user) == {mine.pk: {V, D}}


def test_what_actions_need():
    administrator, user = UserFactory(is_administrator=True), UserFactory()
    account = SocialAccountFactory()
    needs = on_account_or_org(Capability.MANAGE, OrgCapability.ACCOUNTS)
    assert needs(Actor.person(administrator), {"account": account}).allowed
    refused = needs(Actor.person(user), {"account": account})
    assert not refused.allowed
    assert refused.hidden
    give(user, Level.MANAGER, account)
    assert needs(Actor.person(user), {"account": account}).allowed
    assert not organisation(OrgCapability.PEOPLE)(Actor.person(user), {}).allowed
    assert by(ActorKind.WORKER)(Actor.worker("x"), {}).allowed
    assert not by(ActorKind.WORKER)(Actor.person(user), {}).allowed
    assert decided_inside(Actor.person(user), {}).allowed
    assert decided_inside(Actor.worker("x"), {}).allowed
    user.is_active = False
    assert not decided_inside(Actor.person(user), {}).allowed


def test_an_actor_is_somebody():
    with pytest.raises(ValueError, match="signed in"):
        Actor.person(AnonymousUser())


CAN = Template(
    "{% load policy %}{% for a in accounts %}{% can actor 'publish' a as may %}"
    "{% if may %}yes{% else %}no: {{ may.reason }}{% endif %};{% endfor %}"
)


def test_the_tag_gives_the_policys_answer_with_its_reason():
    user = UserFactory()
    accounts = [SocialAccountFactory(display_name=f"A{n}") for n in range(3)]
    give(user, Level.PUBLISHER, accounts[0])
    give(user, Level.VIEWER, accounts[1])
    actor = Actor.person(user)
    plain = CAN.render(Context({"actor": actor, "accounts": accounts}))
    assert plain.startswith("yes;no: This needs the level publisher on A1")
    with CaptureQueriesContext(connection) as asked:
        rights = Rights(actor, accounts)
        same = CAN.render(Context({"actor": actor, "accounts": accounts, "rights": rights}))
    assert same == plain
    assert len(asked) == 1


def test_the_question_asked_most_is_planned_once_for_a_connection():
    user, account = UserFactory(), SocialAccountFactory()
    give(user, Level.PUBLISHER, account)
    assert all(decide(Actor.person(user), Capability.PUBLISH, account) for _ in range(12))
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(generic_plans) FROM pg_prepared_statements")
        assert cursor.fetchone()[0] > 0


def test_rights_of_somebody_else_are_not_used_by_the_tag():
    user, other, account = UserFactory(), UserFactory(), SocialAccountFactory()
    give(other, Level.MANAGER, account)
    context = {
        "actor": Actor.person(user),
        "accounts": [account],
        "rights": Rights(Actor.person(other), [account]),
    }
    assert CAN.render(Context(context)).startswith("no")


def test_a_capability_that_does_not_exist_is_a_fault():
    template = Template("{% load policy %}{% can actor 'post' account as may %}")
    with pytest.raises(ValueError, match="account_post"):
        template.render(Context({"actor": COMMAND, "account": SocialAccountFactory()}))
