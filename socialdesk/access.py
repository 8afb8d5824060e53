"""What each address takes: the table that the docs print and that tests hold the site to.

A page is not guarded by this table but by its view and its services, which ask the policy. The
table says what has to come of it, and `tests/rights` asks every address as everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.levels import Capability, OrgCapability


@dataclass(frozen=True, slots=True)
class Needs:
    """What lets a person in: what `roles` allow, or else all of the rest.

    `anywhere`: this capability on any account. `on`: these, all of them, on the account that the
    address is about; whoever has nothing there is answered as if it did not exist. `oneself`: being
    the person it is about. With nothing of it whoever is signed in may; `open_to_all`: visitors.
    """

    on: frozenset[Capability] = frozenset()
    anywhere: Capability | None = None
    roles: frozenset[OrgCapability] = frozenset()
    oneself: bool = False
    open_to_all: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """One address: what one does there, what that takes, and by which methods."""

    does: str
    needs: Needs
    methods: tuple[str, ...]
    changes: bool = False  # a POST with good answers changes something, and is one act on record


C, ORG = Capability, OrgCapability


def _on(*capabilities: Capability) -> Needs:
    return Needs(on=frozenset(capabilities))


def _role(*roles: OrgCapability, on: Capability | None = None) -> Needs:
    return Needs(on=frozenset({on} if on else ()), roles=frozenset(roles))


OPEN, SIGNED_IN = Needs(open_to_all=True), Needs()
VIEW = _on(C.VIEW)
DRAFT, PUBLISH = _on(C.VIEW, C.DRAFT), _on(C.VIEW, C.PUBLISH)
MODERATE = _on(C.VIEW, C.MODERATE)
APPROVE = _on(C.VIEW, C.APPROVE)
HOLD = _on(C.VIEW, C.MANAGE)
MANAGE = _on(C.MANAGE)
SEE_ACCOUNT = _role(ORG.ACCOUNTS, on=C.VIEW)
PEOPLE, ACCOUNTS, SETTINGS = _role(ORG.PEOPLE), _role(ORG.ACCOUNTS), _role(ORG.SETTINGS)
LOOK_AT_PEOPLE = _role(ORG.PEOPLE, ORG.RECORD)
LOOK_AT_ACCESS = _role(ORG.ACCOUNTS, ORG.RECORD)
A_PERSON = Needs(roles=LOOK_AT_PEOPLE.roles, oneself=True)
NAME_PEOPLE = Needs(anywhere=C.MANAGE, roles=frozenset({ORG.ACCOUNTS}))
ERASE = _role(ORG.ERASE)
RECORD = Needs(anywhere=C.VIEW, roles=frozenset({ORG.RECORD}))
WATCH = _role(ORG.SETTINGS, ORG.RECORD)
WATCH_PLATFORMS = Needs(anywhere=C.MANAGE, roles=WATCH.roles)
AN_EVENT = Needs(frozenset({C.VIEW}), C.VIEW, frozenset({ORG.RECORD}))
PAUSE = Needs(anywhere=C.APPROVE, roles=frozenset({ORG.ACCOUNTS}))
DRAFT_ANYWHERE = Needs(anywhere=C.DRAFT)


def _page(does: str, needs: Needs) -> Address:
    return Address(does, needs, ("GET",))


def _safe(does: str, needs: Needs) -> Address:
    return Address(does, needs, ("GET", "HEAD"))


def _form(does: str, needs: Needs) -> Address:
    return Address(does, needs, ("GET", "POST"), changes=True)


def _act(does: str, needs: Needs) -> Address:
    return Address(does, needs, ("POST",), changes=True)


def _ask(does: str, needs: Needs) -> Address:
    return Address(does, needs, ("POST",))


def _sign_in(does: str, needs: Needs = SIGNED_IN) -> Address:
    """Pages of the sign-in library: what it does about methods and one's own things is its own."""
    return Address(does, needs, ("GET", "HEAD", "POST"))


ADDRESSES: Mapping[str, Address] = {
    # Name of the address; after a space, what tells apart acts that share one.
    "healthz": _safe("see that the process answers", OPEN),
    "readyz": _safe("see that the database and the broker answer", OPEN),
    "my_day": _page("open My day", SIGNED_IN),
    "my_access": _page("see what waits of one's access", SIGNED_IN),
    "search": _page("search for what one may open", SIGNED_IN),
    # --- signing in
    "account_login": _sign_in("sign in", OPEN),
    "account_logout": _sign_in("sign out", OPEN),
    "account_inactive": _sign_in("read that one's access is closed", OPEN),
    "account_reauthenticate": _sign_in("enter one's password again"),
    "account_change_password": _sign_in("change one's password"),
    "account_set_password": _sign_in("go to changing one's password"),
    "account_reset_password": _sign_in("ask for a link to a new password", OPEN),
    "account_reset_password_done": _sign_in("read that the link was sent", OPEN),
    "account_reset_password_from_key": _sign_in("choose a new password", OPEN),
    "account_reset_password_from_key_done": _sign_in("read that it was changed", OPEN),
    "account_signup": _sign_in("go to signing in", OPEN),
    "account_email": _sign_in("go to signing in", OPEN),
    "account_email_verification_sent": _sign_in("go to signing in", OPEN),
    "mfa_index": _sign_in("see one's second factors"),
    "mfa_authenticate": _sign_in("enter the second factor, after the password", OPEN),
    "mfa_reauthenticate": _sign_in("enter one's second factor again"),
    "mfa_activate_totp": _sign_in("set up an authenticator app"),
    "mfa_deactivate_totp": _sign_in("remove an authenticator app"),
    "mfa_view_recovery_codes": _sign_in("see one's recovery codes"),
    "mfa_generate_recovery_codes": _sign_in("make new recovery codes"),
    "mfa_download_recovery_codes": _sign_in("download one's recovery codes"),
    "mfa_list_webauthn": _sign_in("see one's passkeys"),
    "mfa_add_webauthn": _sign_in("add a passkey"),
    "mfa_remove_webauthn": _sign_in("remove one's passkey"),
    "mfa_edit_webauthn": _sign_in("rename one's passkey"),
    "mfa_reauthenticate_webauthn": _sign_in("use one's passkey again"),
    "mfa_login_webauthn": _sign_in("sign in by passkey", OPEN),
    "people:follow": _safe("follow the link of an invitation", OPEN),
    "people:join": Address("accept an invitation", OPEN, ("GET", "POST"), changes=True),
    # --- people and teams
    "people:people": _page("list the people", LOOK_AT_PEOPLE),
    "people:matrix": _page("see everybody's levels", LOOK_AT_PEOPLE),
    "people:options": _page("be offered names of people", NAME_PEOPLE),
    "people:invitations": _page("list the invitations", LOOK_AT_PEOPLE),
    "people:invite": _form("invite a person", PEOPLE),
    "people:invite_again": _act("send an invitation again", PEOPLE),
    "people:withdraw": _act("withdraw an invitation", PEOPLE),
    "people:teams": _page("list the teams", LOOK_AT_PEOPLE),
    "people:team": _page("open a team", LOOK_AT_PEOPLE),
    "people:team_new": _form("make a team", PEOPLE),
    "people:team_change": _form("change a team", PEOPLE),
    "people:member_add": _act("put a person into a team", PEOPLE),
    "people:member_remove": _act("take a person out of a team", PEOPLE),
    "people:person": _page("open a person", A_PERSON),
    "people:freeze": _form("freeze a person", PEOPLE),
    "people:unfreeze": _act("unfreeze a person", PEOPLE),
    "people:roles": _form("set a person's roles", PEOPLE),
    "people:leave": _form("close a leaver's access", PEOPLE),
    "people:conditions": _page("see what levels need", LOOK_AT_PEOPLE),
    "people:training": _page("open a training and its records", LOOK_AT_PEOPLE),
    "people:training_new": _form("add a training", PEOPLE),
    "people:training_change": _form("change a training", PEOPLE),
    "people:training_record": _form("record that somebody did a training", PEOPLE),
    "people:record_withdraw": _form("withdraw a record of a training", PEOPLE),
    "people:training_levels": _form("say which levels need a training", PEOPLE),
    "people:policy": _page("open a policy, its versions and who lacks it", LOOK_AT_PEOPLE),
    "people:policy_new": _form("publish a policy", PEOPLE),
    "people:policy_version": _form("publish a new version of a policy", PEOPLE),
    "people:policy_levels": _form("say which levels need a policy", PEOPLE),
    "my_conditions": _page("see what one's own levels need", SIGNED_IN),
    "policy_read": _form("read and accept a policy", SIGNED_IN),
    "reviews:reviews": _page("see which levels wait for one's word in a review", SIGNED_IN),
    "reviews:new": _form("begin a review of access", ACCOUNTS),
    "reviews:review": _page("see how far a review is", LOOK_AT_ACCESS),
    "reviews:account": _form("confirm or remove levels in a review; its owner may", MANAGE),
    "profile": _form("change one's own name and time zone", SIGNED_IN),
    "organisation": _page("see the settings", SETTINGS),
    "platform_apps": _page("see which platforms have app credentials", SETTINGS),
    "platform_app": _form("set the app credentials of a platform", SETTINGS),
    "platform_app_test": _ask("test app credentials", SETTINGS),
    "platform_app_remove": _act("remove app credentials", SETTINGS),
    # --- social accounts
    "accounts:register": _page("list the accounts one may see", SIGNED_IN),
    "accounts:full_register": _page("see the register of all accounts", LOOK_AT_ACCESS),
    "accounts:register_csv": _page("download the register of all accounts", LOOK_AT_ACCESS),
    "app_document": _safe("read what this desk is, as a platform's server does", OPEN),
    "accounts:connect": _page("choose a platform to connect", ACCOUNTS),
    "accounts:connect_to": _form("connect an account", ACCOUNTS),
    "accounts:connect_begin": _ask("go to a platform to connect an account", ACCOUNTS),
    "accounts:connect_back": _page("come back from a platform, as it answers", SIGNED_IN),
    "accounts:connect_failed": _page("read why nothing was connected", SIGNED_IN),
    "accounts:connect_found": _form("connect accounts that a platform offered", ACCOUNTS),
    "accounts:account": _page("open an account", SEE_ACCOUNT),
    "accounts:team_people": _page("see whom a team's level reaches", SEE_ACCOUNT),
    "accounts:check": _ask("check that an account works", MANAGE),
    "accounts:change": _form("change what is said of an account", MANAGE),
    "accounts:freeze": _form("freeze an account", MANAGE),
    "accounts:unfreeze": _act("unfreeze an account", MANAGE),
    "accounts:lock_down": _form("lock an account down", MANAGE),
    "accounts:disconnect": _form("disconnect an account", MANAGE),
    "accounts:reconnect": _form("give an account new credentials", MANAGE),
    "accounts:reconnect_begin": _ask("go to a platform to reconnect an account", MANAGE),
    "accounts:give": _form("give somebody a level", MANAGE),
    "accounts:end_grant": _act("take a level away", MANAGE),
    # --- posts
    "scheduling:compose": _page("begin a post", SIGNED_IN),
    "scheduling:compose_check": _ask("have a post counted while one writes", SIGNED_IN),
    "scheduling:compose_arrange": _ask("arrange a thread while one writes", SIGNED_IN),
    "scheduling:compose_save": _act("save a draft", DRAFT),
    "scheduling:compose_send": _act("send a post for approval, or schedule it", DRAFT),
    "scheduling:compose_edit": _page("open a draft to change it", DRAFT),
    "scheduling:post": _page("open a post", VIEW),
    "scheduling:story": _safe("read the story of a post", VIEW),
    "scheduling:post_take_back": _act("take a post back to draft", DRAFT),
    "scheduling:post_cancel": _act("cancel a post", DRAFT),
    "scheduling:delivery_act hold": _act("hold a delivery", HOLD),
    "scheduling:delivery_act release": _act("release what a person held", HOLD),
    "scheduling:delivery_act release lapsed": _act("release what Socialdesk held", PUBLISH),
    "scheduling:delivery_act cancel": _act("cancel a delivery", DRAFT),
    "scheduling:delivery_act move": _act("move a draft to another time", DRAFT),
    "scheduling:delivery_act move scheduled": _act("move what is scheduled", PUBLISH),
    "scheduling:delivery_act schedule": _act("schedule what is approved", DRAFT),
    "scheduling:delivery_act schedule failed": _act("send again what failed", PUBLISH),
    "scheduling:delivery_act now": _act("publish what is scheduled at once", PUBLISH),
    "scheduling:delivery_act withdraw": _act("take down what was published", PUBLISH),
    "scheduling:unknown_list": _page("list what may or may not have gone out", SIGNED_IN),
    "scheduling:unknown": _page("open a post in doubt", VIEW),
    "scheduling:unknown_posts": _page("see what the platform shows beside it", PUBLISH),
    "scheduling:unknown_settle": _act("say what became of a post in doubt", PUBLISH),
    "scheduling:held": _page("list what is held", SIGNED_IN),
    "scheduling:held_release": Address("release several at a pace", SIGNED_IN, ("GET", "POST")),
    "scheduling:pause_new": _form("hold everything", PAUSE),
    "scheduling:pause": _page("see a hold on everything, and what it holds", SIGNED_IN),
    "scheduling:pause_over": _ask("end a hold on everything", PAUSE),
    "scheduling:calendar": _page("open the calendar of one's accounts", SIGNED_IN),
    "scheduling:approvals": _page("open the queue of one's accounts", SIGNED_IN),
    "scheduling:approval": _page("open what waits for approval", VIEW),
    "scheduling:approval_decide approve": _act("approve a post", APPROVE),
    "scheduling:approval_decide return": _act("return a post to its author", APPROVE),
    "scheduling:correct": _form("propose a correction of what is published", DRAFT),
    "scheduling:correction": _page("open a correction that waits for approval", VIEW),
    "scheduling:correction_decide approve": _act("approve a correction", APPROVE),
    "scheduling:correction_decide return": _act("return a correction to its author", APPROVE),
    "scheduling:correction_take_back": _act("take a correction back", DRAFT),
    "scheduling:account_next": _page("see what goes out next on an account", VIEW),
    "scheduling:media_upload": _act("add a picture or video", DRAFT_ANYWHERE),
    "scheduling:media": _page("see a picture or video", VIEW),
    # Instagram and Threads fetch by themselves, and cannot sign in. The address is signed, for one
    # file of one delivery, for an hour and no longer than that is on its way.
    "scheduling:media_fetch": _safe("fetch a picture or video, as a platform does", OPEN),
    # --- inbox
    "mentions:inbox": _page("open the inbox of one's accounts", SIGNED_IN),
    "mentions:live": _page("have an open inbox brought up to date", SIGNED_IN),
    "mentions:account_recent": _page("see what came in on an account", VIEW),
    "mentions:conversation": _page("open a conversation", VIEW),
    "mentions:earlier": _page("see a stranger's earlier conversations", VIEW),
    "mentions:assignees": _page("be offered whom to assign", VIEW),
    "mentions:read": _act("mark a conversation read", DRAFT),
    "mentions:status": _act("mark a conversation done, open or unread", DRAFT),
    "mentions:assign": _act("assign a conversation", DRAFT),
    "mentions:assign_to": _act("assign a conversation to somebody", DRAFT),
    "mentions:note": _act("write a note", DRAFT),
    "mentions:moderate hide": _form("hide somebody's reply", MODERATE),
    "mentions:moderate show": _form("show it again", MODERATE),
    "mentions:moderate remove": _form("delete somebody's reply", MODERATE),
    "mentions:moderate block": _form("block whoever wrote it", MODERATE),
    "mentions:moderate unblock": _form("unblock whoever wrote it", MODERATE),
    "mentions:blocked": _page("see whom an account blocks", VIEW),
    "mentions:reply": _act("reply", DRAFT),
    "mentions:reply_check": _ask("have a reply counted while one writes", VIEW),
    # --- operations
    "operations:overview": _page("see how Socialdesk itself is doing", WATCH),
    "operations:platforms": _page("see which platforms work", WATCH_PLATFORMS),
    "operations:alerts": _page("see where alerts go and whether they arrive", WATCH),
    "operations:destination_new": _form("add a place alerts go to", SETTINGS),
    "operations:destination": _form("change a place alerts go to", SETTINGS),
    "operations:destination_test": _act("send a test alert", SETTINGS),
    "operations:destination_remove": _act("remove a place alerts go to", SETTINGS),
    # Its own guard is a token; without one set there is no such page.
    "metrics": _safe("read the metrics, with the token", OPEN),
    # --- record
    "audit:record": _safe("read the record, as far as it is about one's accounts", RECORD),
    "audit:export": _safe("export the record, as far as one may read it", RECORD),
    "audit:people": _safe("be offered names to filter the record by", RECORD),
    "audit:exports": _page("see one's exports of the record", RECORD),
    "audit:export_begin": _act("begin an export of the record, as far as one may read it", RECORD),
    "audit:export_file": _safe("take one's own export of the record", RECORD),
    "audit:export_proof": _safe("take the proof of one's own export", RECORD),
    "audit:export_remove": _act("stop or remove one's own export", RECORD),
    "audit:queries": _page("see the searches of the record that one keeps", RECORD),
    "audit:query_save": _act("keep a search of the record", RECORD),
    "audit:query_remove": _act("keep one's own search no longer", RECORD),
    "audit:activity": _safe("see when how much was done, as far as one may read it", RECORD),
    "audit:seal": _safe("see how far the record is sealed and under witness", RECORD),
    "audit:account_life": _safe("read the life of an account", SEE_ACCOUNT),
    "audit:person_life": _safe("read which rights a person got and lost", A_PERSON),
    "audit:event": _safe("open one line of the record", AN_EVENT),
    "audit:erase_event": _form("erase what one line of the record says of people", ERASE),
    "audit:erase_post": _form("erase what the record of a post says of people", ERASE),
    "audit:event_proof": _safe("take the proof of one line of the record", AN_EVENT),
    "audit:post_proof": _safe("take the proofs of the lines about a post", AN_EVENT),
    # --- for developers
    "gallery": _page("see every component; only where debugging is on", SIGNED_IN),
}


def opened_by(capability: Capability) -> list[str]:
    """What it takes `capability` on an account to do, in words; in the order of the table."""
    lesser = {C.VIEW} - {capability}
    return [a.does for a in ADDRESSES.values() if a.needs.on - lesser == {capability}]
