"""Every page a person can open, and why the other addresses are none.

The words in braces are filled in by extras.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

NOBODY = "nobody"

# Name of the address → who opens it, and where; {words} stand for ids of the demo data.
PAGES: Mapping[str, tuple[str, ...]] = {
    "my_day": ("contributor /", "supervisor /", "admin /", "auditor /"),
    "account_login": ("nobody /auth/sign-in/",),
    "account_logout": ("contributor /auth/sign-out/",),
    "account_inactive": ("nobody /auth/closed/",),
    "account_reauthenticate": ("second /auth/again/",),
    "account_change_password": ("contributor /auth/password/change/",),
    "account_reset_password": ("nobody /auth/password/reset/",),
    "account_reset_password_done": ("nobody /auth/password/reset/done/",),
    "account_reset_password_from_key": ("nobody {reset}", "nobody /auth/password/reset/key/x-y/"),
    "account_reset_password_from_key_done": ("nobody /auth/password/reset/key/done/",),
    "mfa_index": ("contributor /auth/mfa/", "second /auth/mfa/"),
    "mfa_reauthenticate": ("second /auth/mfa/reauthenticate/",),
    "mfa_activate_totp": ("contributor /auth/mfa/totp/activate/",),
    "mfa_deactivate_totp": ("second /auth/mfa/totp/deactivate/",),
    "mfa_view_recovery_codes": ("second /auth/mfa/recovery-codes/",),
    "mfa_generate_recovery_codes": ("second /auth/mfa/recovery-codes/generate/",),
    "mfa_list_webauthn": ("contributor /auth/mfa/webauthn/", "second /auth/mfa/webauthn/"),
    "mfa_add_webauthn": ("contributor /auth/mfa/webauthn/add/",),
    "mfa_remove_webauthn": ("second /auth/mfa/webauthn/keys/{key}/remove/",),
    "mfa_edit_webauthn": ("second /auth/mfa/webauthn/keys/{key}/edit/",),
    "people:people": ("admin /people/", "admin /people/?q=zebra", "auditor /people/"),
    "people:matrix": ("admin /people/levels/", "admin /people/levels/?q=zebra"),
    "people:invite": ("admin /people/invite/",),
    "people:invitations": ("admin /people/invitations/",),
    "people:follow": ("nobody {invitation}",),
    "people:join": ("nobody /people/join/", "contributor /people/join/"),
    "people:teams": ("admin /people/teams/",),
    "people:team_new": ("admin /people/teams/new/",),
    "people:team": ("admin /people/teams/{team}/",),
    "people:team_change": ("admin /people/teams/{team}/change/",),
    "people:person": ("admin /people/{person}/", "auditor /people/{person}/"),
    "people:freeze": ("admin /people/{person}/freeze/",),
    "people:roles": ("admin /people/{person}/roles/",),
    "people:leave": ("admin /people/{person}/leave/",),
    "accounts:register": ("manager /accounts/", "admin /accounts/", "admin /accounts/?q=zebra"),
    "accounts:connect": ("admin /accounts/connect/",),
    "accounts:connect_to": (
        "admin /accounts/connect/bluesky/",
        "admin /accounts/connect/mastodon/",
        "admin /accounts/connect/x/",
    ),
    "accounts:account": (
        "manager /accounts/{fire}/",
        "contributor /accounts/{fire}/",
        "admin /accounts/{fire}/",
        "manager /accounts/{frozen}/",
    ),
    "accounts:change": ("manager /accounts/{fire}/change/",),
    "accounts:freeze": ("manager /accounts/{fire}/freeze/",),
    "accounts:lock_down": ("manager /accounts/{fire}/lock-down/",),
    "accounts:disconnect": ("manager /accounts/{fire}/disconnect/",),
    "accounts:reconnect": ("manager /accounts/{fire}/reconnect/",),
    "accounts:give": (
        "manager /accounts/{fire}/levels/give/",
        "manager /accounts/{fire}/levels/give/?holder=user:{person}",
        "manager /accounts/{fire}/levels/give/?find=zebra",
    ),
    "accounts:team_people": ("manager /accounts/{fire}/levels/{team_grant}/people/",),
    "people:conditions": ("admin /people/conditions/", "auditor /people/conditions/"),
    "people:training": ("admin /people/conditions/trainings/1/",),
    "people:training_new": ("admin /people/conditions/trainings/new/",),
    "people:training_change": ("admin /people/conditions/trainings/1/change/",),
    "people:training_record": ("admin /people/conditions/trainings/1/record/",),
    "people:training_levels": ("admin /people/conditions/trainings/1/levels/",),
    "people:record_withdraw": ("admin /people/conditions/records/1/withdraw/",),
    "people:policy": ("admin /people/conditions/policies/1/",),
    "people:policy_new": ("admin /people/conditions/policies/new/",),
    "people:policy_version": ("admin /people/conditions/policies/1/version/",),
    "people:policy_levels": ("admin /people/conditions/policies/1/levels/",),
    "my_conditions": ("supervisor /settings/conditions/", "admin /settings/conditions/"),
    "policy_read": ("supervisor /settings/conditions/policies/1/",),
    "reviews:reviews": ("manager /reviews/", "admin /reviews/", "contributor /reviews/"),
    "reviews:new": ("admin /reviews/new/",),
    "reviews:review": ("admin /reviews/1/", "auditor /reviews/1/"),
    "reviews:account": ("manager /reviews/1/accounts/{fire}/",),
    "accounts:full_register": (
        "admin /accounts/register/",
        "auditor /accounts/register/?use=dormant",
    ),
    "accounts:connect_failed": (
        "admin /accounts/connect/failed/expired/",
        "contributor /accounts/connect/failed/unknown/",
    ),
    "platform_apps": ("admin /settings/platforms/",),
    "platform_app": (
        "admin /settings/platforms/x/",
        "admin /settings/platforms/mastodon/",
        "admin /settings/platforms/bluesky/",
    ),
    "profile": ("contributor /settings/",),
    "organisation": ("admin /settings/organisation/",),
    "scheduling:compose": ("contributor /posts/new/", "officer /posts/new/?account={fire}"),
    "scheduling:post": (
        "officer /posts/{published}/",
        "manager /posts/{held}/",
        "contributor /posts/{returned}/",
        "supervisor /posts/{waiting}/",
        "officer /posts/{corrected}/",
    ),
    "scheduling:story": ("auditor /posts/{published}/story/", "auditor /posts/{returned}/story/"),
    "scheduling:compose_edit": ("officer /posts/{draft}/edit/",),
    "scheduling:held": (
        "supervisor /held/",
        "contributor /held/",
        "supervisor /held/?why=overdue",
        "admin /held/",
    ),
    "scheduling:held_release": (
        "manager /held/release/?d={held_one}&every=5"
        "&due_date=2030-01-07&due_time=09:00&due_zone=Europe/London",
        "manager 422 /held/release/",
    ),
    "scheduling:pause_new": (
        "supervisor /hold/",
        "supervisor /hold/?what=account:{fire}",
        "supervisor /hold/?what=team:{team}",
    ),
    "scheduling:pause": ("manager /hold/{pause}/", "officer /hold/{pause_over}/"),
    "scheduling:unknown_list": ("supervisor /unknown/", "auditor /unknown/"),
    "scheduling:unknown": (
        "supervisor /unknown/{unknown}/",
        "contributor /unknown/{unknown}/",
    ),
    "scheduling:calendar": (
        "officer /calendar/",
        "officer /calendar/?view=list",
        "contributor /calendar/",
    ),
    "scheduling:approvals": ("supervisor /approvals/", "contributor /approvals/"),
    "scheduling:approval": ("supervisor /approvals/{review}/",),
    "scheduling:correct": (
        "officer /posts/{correctable}/correct/",
        "officer /posts/{corrected}/correct/",
    ),
    "scheduling:correction": ("supervisor /approvals/corrections/{correction}/",),
    "mentions:inbox": (
        "contributor /inbox/",
        "officer /inbox/?status=done",
        "officer /inbox/?q=zebra",
        "admin /inbox/",
    ),
    "mentions:conversation": (
        "contributor /inbox/{conversation}/",
        "auditor /inbox/{conversation}/",
    ),
    "mentions:moderate": (
        "officer /inbox/{comment}/hide/",
        "officer /inbox/{comment}/block/",
        "officer /inbox/{hidden}/show/",
    ),
    "mentions:blocked": ("officer /inbox/accounts/{fire}/blocked/",),
    "mentions:earlier": ("contributor /inbox/{conversation}/earlier/",),
    "mentions:assignees": ("contributor /inbox/{conversation}/assignees/",),
    "operations:overview": ("admin /operations/", "auditor /operations/"),
    "operations:alerts": ("admin /operations/alerts/", "auditor /operations/alerts/"),
    "operations:destination_new": ("admin /operations/alerts/new/",),
    "operations:destination": ("admin /operations/alerts/{destination}/",),
    "operations:platforms": ("admin /operations/platforms/", "manager /operations/platforms/"),
    "audit:record": (
        "auditor /record/",
        "auditor /record/?text=zebra",
        "auditor /record/?who=zebra",
        "contributor /record/",
    ),
    "audit:exports": ("auditor /record/exports/",),
    "audit:queries": ("auditor /record/searches/",),
    "audit:activity": ("auditor /record/activity/",),
    "audit:account_life": ("auditor /record/account/{fire}/", "admin /record/account/{fire}/"),
    "audit:person_life": (
        "auditor /record/person/{person}/",
        "contributor /record/person/{person}/",
    ),
    "audit:seal": ("auditor /record/seal/", "contributor /record/seal/"),
    "audit:event": ("auditor /record/{event}/",),
    "audit:erase_event": ("admin /record/{event}/erase/",),
    "audit:erase_post": ("admin /record/post/{waiting}/erase/",),
    # Refusals are pages too; the number is the answer's status.
    "": (
        "contributor 404 /there-is-no-such-page/",
        "contributor 403 /people/",
        "contributor 404 /accounts/{frozen}/",
        "nobody 410 /people/join/not-an-invitation/",
    ),
}

_PART = "a part of a page, fetched by it"
_POST = "takes POST alone"
_DATA = "for programs"
NO_PAGES: Mapping[str, str] = {
    "healthz": _DATA,
    "app_document": _DATA,
    "readyz": _DATA,
    "metrics": _DATA,
    "account_set_password": "leads to changing the password: everybody has one",
    "account_signup": "leads to signing in",
    "account_email": "leads to signing in",
    "account_email_verification_sent": "leads to signing in",
    "mfa_authenticate": "between the password and being signed in; a test of its own",
    "mfa_download_recovery_codes": "a file",
    "mfa_login_webauthn": _DATA,
    "mfa_reauthenticate_webauthn": "needs a passkey of a real device; looks as mfa_reauthenticate",
    "search": _PART,
    "my_access": _PART,
    "accounts:register_csv": "a file",
    "people:options": _PART,
    "people:invite_again": _POST,
    "people:withdraw": _POST,
    "people:member_add": _POST,
    "people:member_remove": _POST,
    "people:unfreeze": _POST,
    "accounts:check": _POST,
    "accounts:connect_begin": "takes POST alone; tests/accounts/test_connecting_browser.py",
    "accounts:connect_back": "leads on at once",
    "accounts:connect_found": "what a platform offered; tests/accounts/test_connecting_browser.py",
    "accounts:reconnect_begin": _POST,
    "platform_app_test": _POST,
    "platform_app_remove": _POST,
    "accounts:unfreeze": _POST,
    "accounts:end_grant": _POST,
    "scheduling:compose_arrange": _POST,
    "scheduling:compose_check": _POST,
    "scheduling:compose_save": _POST,
    "scheduling:compose_send": _POST,
    "scheduling:pause_over": _POST,
    "scheduling:unknown_posts": _PART,
    "scheduling:unknown_settle": _POST,
    "scheduling:post_take_back": _POST,
    "scheduling:post_cancel": _POST,
    "scheduling:delivery_act": _POST,
    "scheduling:approval_decide": _POST,
    "scheduling:correction_decide": _POST,
    "scheduling:correction_take_back": _POST,
    "scheduling:media_upload": _POST,
    "scheduling:media": "a picture",
    "scheduling:media_fetch": "a picture or video, for platforms",
    "scheduling:account_next": _PART,
    "audit:export_begin": _POST,
    "audit:export_file": "a file",
    "audit:export_proof": "a file",
    "audit:export_remove": _POST,
    "audit:query_save": _POST,
    "audit:query_remove": _POST,
    "mentions:live": _PART,
    "mentions:account_recent": _PART,
    "mentions:read": _POST,
    "mentions:status": _POST,
    "mentions:assign": _POST,
    "mentions:assign_to": _POST,
    "mentions:note": _POST,
    "mentions:reply": _POST,
    "mentions:reply_check": _POST,
    "operations:destination_test": _POST,
    "operations:destination_remove": _POST,
    "audit:export": "a file",
    "audit:event_proof": "a file",
    "audit:post_proof": "a file",
    "audit:people": _PART,
    "gallery": "for developers; not there in a live installation",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One page as one person sees it. `first`: nobody saw this address before."""

    who: str
    path: str
    status: int = 200
    first: bool = False

    def __str__(self) -> str:
        return f"{self.who} at {self.path}"


def addresses() -> set[str]:
    """The names of all addresses of the site, as Django resolves them."""
    return set(_names(get_resolver()))


def _names(resolver: URLResolver, space: str = "") -> Iterator[str]:
    for one in resolver.url_patterns:
        if isinstance(one, URLPattern):
            yield f"{space}{one.name}"
        else:
            yield from _names(one, f"{space}{one.namespace}:" if one.namespace else space)


def visits(known: Mapping[str, str]) -> list[Visit]:
    """All pages, with the addresses filled in."""
    found = []
    for entries in PAGES.values():
        for number, entry in enumerate(entries):
            who, *status, path = entry.format(**known).split(" ")
            found.append(Visit(who, path, int(*status or [200]), first=number == 0))
    return found
