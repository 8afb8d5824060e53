"""What to send to each address so that it would do its work; a line for each line of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile

from scheduling.content import content_hash
from scheduling.correcting import correction_hash
from scheduling.models import Delivery
from tests.rights.world import Side, World, picture, soon

HTMX = {"HX-Request": "true"}


@dataclass(frozen=True)
class Fill:
    """What fills one address. `at`: its numbers; `data`: a POST's fields; `query`: of a GET."""

    at: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[int, ...] = (200,)  # to a GET that is allowed
    done: tuple[int, ...] = (302,)  # to a POST that is allowed
    refused: int = 0  # to a POST that is not; 0: 404 or 403, as the policy says
    acts_on: str = "own"  # the side on which the POST changes something; '': on none
    parts: tuple[Mapping[str, str], ...] = ()  # queries by which an open page asks for its parts


Filling = Callable[[World, Side], Fill]
NONE: Filling = lambda w, s: Fill()  # noqa: E731  # a table of functions
OWN_THINGS: Filling = lambda w, s: Fill(  # noqa: E731
    answers=(200, 302, 404, 403, 405), done=(200, 302, 404, 403, 405, 429), acts_on=""
)


def _account(**more: Any) -> Filling:
    return lambda w, s: Fill({"account_id": s.account.pk}, **more)


def _person(**more: Any) -> Filling:
    return lambda w, s: Fill({"person_id": w.newcomer.pk}, **more)


def _team(**more: Any) -> Filling:
    return lambda w, s: Fill({"team_id": w.team.pk}, **more)


def _post(state: str, **more: Any) -> Filling:
    return lambda w, s: Fill({"post_id": s.deliveries[state].post_id}, **more)


def _act(name: str, state: str, **data: str) -> Filling:
    return lambda w, s: Fill(
        {"delivery_id": s.deliveries[state].pk, "name": name}, soon() | {"reason": "why"} | data
    )


def _decide(**data: str) -> Filling:
    def fill(w: World, s: Side) -> Fill:
        waiting = s.deliveries["in_review"]
        seen = {"content_hash": content_hash(waiting)}
        return Fill({"delivery_id": waiting.pk}, seen | data)

    return fill


def _corrected(delivery: Delivery) -> dict[str, str]:
    key = delivery.pk
    seen = {f"of-{key}": str(key), f"seen-{key}": delivery.text}
    return seen | {f"text-{key}": "Other words."}


def _doubtful(**more: Any) -> Filling:
    return lambda w, s: Fill({"delivery_id": s.deliveries["unknown"].pk}, **more)


def _paced(side: Side) -> dict[str, Any]:
    when = soon()
    times = {"due_date": when["date"], "due_time": when["time"], "due_zone": when["zone"]}
    return {"d": side.deliveries["lapsed"].pk, "every": 5, **times}


def _talk(**more: Any) -> Filling:
    return lambda w, s: Fill({"conversation_id": s.conversation.pk}, **more)


def _moderate(act: str, comment: str) -> Filling:
    why = "mistake" if act in ("show", "unblock") else "abuse"

    def fill(w: World, s: Side) -> Fill:
        at = {"conversation_id": s.conversation.pk, "mention_id": s.comments[comment].pk}
        return Fill(at | {"name": act}, {"reason": why}, parts=({},))

    return fill


def _place(**more: Any) -> Filling:
    return lambda w, s: Fill({"destination_id": w.destination.pk}, **more)


def _training(**more: Any) -> Filling:
    return lambda w, s: Fill({"training_id": w.record.training_id}, **more)


def _policy(**more: Any) -> Filling:
    return lambda w, s: Fill({"document_id": w.policy.document_id}, **more)


NOBODYS = UUID(int=7)
HOOK = "https://hooks.example.org/made-up"
ERASED = {"part": "both", "because": "request", "reference": "SAR/1", "sure": "on"}
REASON = {"reason": "because of a leak"}
CONNECTED = {
    "handle": "@fresh",
    "base_url": "http://127.0.0.1:1",
    "secret": "s-e-c-r-e-t",
    "time_zone": "Europe/London",
    "purpose": "says what goes on",
}

FILLINGS: Mapping[str, Filling] = {
    "healthz": NONE,
    # There is nothing to read before somebody has connected an account by signing in at Bluesky.
    "app_document": lambda w, s: Fill(answers=(404,)),
    "readyz": NONE,
    "my_day": NONE,
    "my_access": NONE,
    "search": lambda w, s: Fill(query={"q": "Name-of"}),  # a part of every account's name
    "account_login": OWN_THINGS,
    "account_logout": OWN_THINGS,
    "account_inactive": OWN_THINGS,
    "account_reauthenticate": OWN_THINGS,
    "account_change_password": OWN_THINGS,
    "account_set_password": OWN_THINGS,
    "account_reset_password": OWN_THINGS,
    "account_reset_password_done": OWN_THINGS,
    "account_reset_password_from_key": lambda w, s: Fill(
        {"uidb36": "x", "key": "y"}, answers=(200,), done=(200,), acts_on=""
    ),
    "account_reset_password_from_key_done": OWN_THINGS,
    "account_signup": OWN_THINGS,
    "account_email": OWN_THINGS,
    "account_email_verification_sent": OWN_THINGS,
    "mfa_index": OWN_THINGS,
    "mfa_authenticate": OWN_THINGS,
    "mfa_reauthenticate": OWN_THINGS,
    "mfa_activate_totp": OWN_THINGS,
    "mfa_deactivate_totp": OWN_THINGS,
    "mfa_view_recovery_codes": OWN_THINGS,
    "mfa_generate_recovery_codes": OWN_THINGS,
    "mfa_download_recovery_codes": OWN_THINGS,
    "mfa_list_webauthn": OWN_THINGS,
    "mfa_add_webauthn": OWN_THINGS,
    "mfa_remove_webauthn": lambda w, s: Fill(
        {"pk": 1}, answers=(302, 404), done=(302, 404), acts_on=""
    ),
    "mfa_edit_webauthn": lambda w, s: Fill(
        {"pk": 1}, answers=(302, 404), done=(302, 404), acts_on=""
    ),
    "mfa_reauthenticate_webauthn": OWN_THINGS,
    "mfa_login_webauthn": OWN_THINGS,
    "people:follow": lambda w, s: Fill({"token": "t"}, answers=(302,)),
    # Accepting one is tried in test_completeness; without a link in the session it is closed.
    "people:join": lambda w, s: Fill(answers=(200, 410), done=(200, 410), acts_on=""),
    "people:people": NONE,
    "people:matrix": NONE,
    "people:options": lambda w, s: Fill(query={"owner": "zzz"}),
    "people:invitations": NONE,
    "people:invite": lambda w, s: Fill(
        data={"full_name": "Ian Invited", "email": "ian@northmoor.example"}
    ),
    "people:invite_again": lambda w, s: Fill({"invitation_id": w.invitation.pk}),
    "people:withdraw": lambda w, s: Fill({"invitation_id": w.invitation.pk}),
    "people:teams": NONE,
    "people:team": _team(),
    "people:team_new": lambda w, s: Fill(data={"name": "Night desk", "purpose": "nights"}),
    "people:team_change": _team(data={"name": "Control room 2", "purpose": "days"}),
    "people:member_add": lambda w, s: Fill({"team_id": w.team.pk}, {"person": w.newcomer.email}),
    "people:member_remove": lambda w, s: Fill({"team_id": w.team.pk, "person_id": w.member.pk}),
    "people:person": _person(),
    "people:freeze": _person(data=REASON),
    "people:unfreeze": lambda w, s: Fill({"person_id": w.frozen_person.pk}),
    "people:roles": _person(data={"roles": ["is_auditor"]}),
    "people:leave": _person(data=REASON),
    "people:conditions": NONE,
    "people:training": _training(),
    "people:training_new": lambda w, s: Fill(data={"name": "Safeguarding", "months": 24}),
    "people:training_change": _training(data={"name": "Media law for all", "months": 6}),
    "people:training_record": lambda w, s: Fill(
        {"training_id": w.record.training_id},
        {"person": w.newcomer.email, "done_on": "2026-01-05", "evidence": "a certificate"},
    ),
    "people:record_withdraw": lambda w, s: Fill({"record_id": w.record.pk}, REASON),
    "people:training_levels": _training(data={"levels": ["viewer"], "starts_on": soon()["date"]}),
    "people:policy": _policy(),
    "people:policy_new": lambda w, s: Fill(data={"name": "Crisis", "text": "Stay calm."}),
    "people:policy_version": _policy(
        data={"text": "Be kinder.", "changed": "kinder", "accept_by": soon()["date"]}
    ),
    "people:policy_levels": _policy(data={"levels": ["viewer"], "starts_on": soon()["date"]}),
    "my_conditions": NONE,
    "policy_read": lambda w, s: Fill(
        {"document_id": w.policy.document_id}, {"sha256": w.policy.sha256, "read": "on"}
    ),
    "reviews:reviews": NONE,
    "reviews:new": lambda w, s: Fill(
        data={"name": "Spring", "levels": ["viewer"], "due_on": soon()["date"]}
    ),
    "reviews:review": lambda w, s: Fill({"review_id": w.review.pk}),
    "reviews:account": lambda w, s: Fill(
        {"review_id": w.review.pk, "account_id": s.account.pk},
        {"decision": "remove", "i": s.grant.reviews.get().pk},
    ),
    "profile": lambda w, s: Fill(data={"full_name": "A new name", "time_zone": "Europe/Lisbon"}),
    "organisation": NONE,
    "platform_apps": NONE,
    "platform_app": lambda w, s: Fill(
        {"platform": "x"}, {"client_id": "id-of-the-app", "client_secret": "s-e-c-r-e-t"}
    ),
    "platform_app_test": lambda w, s: Fill({"app_id": w.app.pk}),
    "platform_app_remove": lambda w, s: Fill({"app_id": w.app.pk}),
    "accounts:register": NONE,
    "accounts:full_register": NONE,
    "accounts:register_csv": NONE,
    "accounts:connect": NONE,
    "accounts:connect_to": lambda w, s: Fill(
        {"platform": "sandbox"}, {**CONNECTED, "owner": w.newcomer.email}
    ),
    # A platform that has no app is gone to by nobody; tests/accounts/test_authorising.py goes.
    "accounts:connect_begin": lambda w, s: Fill({"platform": "x"}, done=(422,)),
    "accounts:connect_back": lambda w, s: Fill({"platform": "x"}, answers=(302,)),
    "accounts:connect_failed": lambda w, s: Fill({"why": "expired"}),
    # What waits does so for one person's session, which none of these is.
    "accounts:connect_found": lambda w, s: Fill(
        {"request_id": NOBODYS}, answers=(302,), acts_on=""
    ),
    "accounts:account": _account(),
    "accounts:team_people": lambda w, s: Fill(
        {"account_id": s.account.pk, "grant_id": s.team_grant.pk}, parts=({},)
    ),
    "accounts:check": _account(),
    "accounts:change": lambda w, s: Fill(
        {"account_id": s.account.pk},
        {
            "display_name": s.name,
            "owner": w.newcomer.email,
            "purpose": "another one",
            "time_zone": "Europe/London",
        },
    ),
    "accounts:freeze": _account(data=REASON),
    "accounts:unfreeze": _account(acts_on="frozen"),
    "accounts:lock_down": _account(data=REASON),
    "accounts:disconnect": _account(data=REASON),
    "accounts:reconnect": _account(data={"secret": "n-e-w"}),
    "accounts:reconnect_begin": _account(done=(404,)),  # the sandbox has no way in the browser
    "accounts:give": lambda w, s: Fill(
        {"account_id": s.account.pk},
        {"holder": f"user:{w.newcomer.pk}", "level": "viewer", "reason": "joins the desk"},
        {"holder": f"user:{w.newcomer.pk}"},
    ),
    "accounts:end_grant": lambda w, s: Fill(
        {"account_id": s.account.pk, "grant_id": s.grant.pk}, REASON
    ),
    "scheduling:compose": lambda w, s: Fill(query={"account": s.account.pk}),
    "scheduling:compose_check": lambda w, s: Fill(
        data={"accounts": [s.account.pk], "text": "Good morning"}, done=(200,)
    ),
    "scheduling:compose_arrange": lambda w, s: Fill(
        data={"accounts": [s.account.pk], "text": "Good morning", "arrange": "add"}, done=(200,)
    ),
    # The composer keeps what was typed: accounts that are not theirs to write on are not there to
    # choose, and it says so with 422.
    "scheduling:compose_save": lambda w, s: Fill(
        data={"accounts": [s.account.pk], "text": "Good morning"}, done=(200,), refused=422
    ),
    "scheduling:compose_send": lambda w, s: Fill(
        data={"accounts": [s.account.pk], "text": "Good morning", "draft": "1"}, refused=422
    ),
    "scheduling:compose_edit": _post("draft"),
    "scheduling:post": _post("scheduled", parts=({"part": "deliveries", "stood": "x"},)),
    "scheduling:story": _post("scheduled", parts=({"part": "story"},)),
    "scheduling:post_take_back": _post("in_review"),
    "scheduling:post_cancel": _post("draft", data=REASON),
    "scheduling:delivery_act hold": _act("hold", "scheduled"),
    "scheduling:delivery_act release": _act("release", "held"),
    "scheduling:delivery_act release lapsed": _act("release", "lapsed"),
    "scheduling:delivery_act cancel": _act("cancel", "scheduled"),
    "scheduling:delivery_act move": _act("move", "draft"),
    "scheduling:delivery_act move scheduled": _act("move", "scheduled"),
    "scheduling:delivery_act schedule": _act("schedule", "approved"),
    "scheduling:delivery_act schedule failed": _act("schedule", "failed"),
    "scheduling:delivery_act now": _act("now", "scheduled"),
    "scheduling:delivery_act withdraw": _act("withdraw", "published"),
    "scheduling:unknown_list": NONE,
    "scheduling:unknown": _doubtful(),
    "scheduling:unknown_posts": _doubtful(parts=({},)),
    "scheduling:unknown_settle": _doubtful(
        data={"answer": "address", "address": "https://there.example/1"}
    ),
    "scheduling:held": NONE,
    # What is not theirs to release is left out, and with nothing left it says so with 422.
    "scheduling:held_release": lambda w, s: Fill(
        query=_paced(s), data=_paced(s), answers=(200, 422), done=(302, 422), acts_on=""
    ),
    "scheduling:pause_new": lambda w, s: Fill(
        data={"what": f"account:{s.account.pk}", "reason": "a leak"}
    ),
    "scheduling:pause": lambda w, s: Fill({"pause_id": s.pause.pk}),
    # It is over already: one in force would stop what the other addresses are asked to do.
    "scheduling:pause_over": lambda w, s: Fill({"pause_id": s.pause.pk}),
    "scheduling:calendar": lambda w, s: Fill(query={"account": s.account.pk}),
    "scheduling:approvals": NONE,
    "scheduling:approval": lambda w, s: Fill(
        {"delivery_id": s.deliveries["in_review"].pk}, parts=({},)
    ),
    "scheduling:approval_decide approve": _decide(decision="approve"),
    "scheduling:approval_decide return": _decide(decision="return", comment="Say where."),
    "scheduling:correct": lambda w, s: Fill(
        {"post_id": s.deliveries["to correct"].post_id}, data=_corrected(s.deliveries["to correct"])
    ),
    "scheduling:correction": lambda w, s: Fill({"correction_id": s.correction.pk}, parts=({},)),
    "scheduling:correction_decide approve": lambda w, s: Fill(
        {"correction_id": s.correction.pk},
        {"decision": "approve", "content_hash": correction_hash(s.correction)},
    ),
    "scheduling:correction_decide return": lambda w, s: Fill(
        {"correction_id": s.correction.pk}, {"decision": "return", "comment": "Say where."}
    ),
    "scheduling:correction_take_back": lambda w, s: Fill({"correction_id": s.correction.pk}),
    "scheduling:account_next": _account(parts=({},)),
    "scheduling:media_upload": lambda w, s: Fill(
        data={"file": SimpleUploadedFile("x.png", picture(), "image/png")}, done=(200,)
    ),
    # What a good address opens, and for how long: tests/scheduling/test_fetching.py.
    "scheduling:media_fetch": lambda w, s: Fill({"token": "x:y:z"}, answers=(404,)),
    "scheduling:media": lambda w, s: Fill({"token": s.media.token}),
    "mentions:inbox": NONE,
    "mentions:live": lambda w, s: Fill(parts=({"open": str(s.conversation.pk), "list": "old"},)),
    "mentions:account_recent": _account(parts=({},)),
    "mentions:conversation": _talk(parts=({},)),
    "mentions:earlier": _talk(parts=({},)),
    "mentions:assignees": _talk(parts=({"name": "Writer"},)),
    "mentions:read": _talk(done=(204,)),
    "mentions:status": lambda w, s: Fill({"conversation_id": s.conversation.pk, "status": "done"}),
    "mentions:assign": lambda w, s: Fill(
        {"conversation_id": s.conversation.pk}, {"assignee": s.writer.pk}
    ),
    "mentions:assign_to": lambda w, s: Fill(
        {"conversation_id": s.conversation.pk, "user_id": s.writer.pk}
    ),
    "mentions:moderate hide": _moderate("hide", "rude"),
    "mentions:moderate show": _moderate("show", "hidden"),
    "mentions:moderate remove": _moderate("remove", "rude"),
    "mentions:moderate block": _moderate("block", "rude"),
    "mentions:moderate unblock": _moderate("unblock", "blocked"),
    "mentions:blocked": _account(),
    "mentions:note": _talk(data={"note": "Rang them."}),
    "mentions:reply": lambda w, s: Fill(
        {"conversation_id": s.conversation.pk},
        {"text": "It is open again.", "to": s.mention.pk, "answered": 0},
    ),
    "mentions:reply_check": lambda w, s: Fill(
        {"conversation_id": s.conversation.pk},
        {"text": "It is", "to": s.mention.pk},
        done=(200,),
    ),
    "operations:overview": lambda w, s: Fill(parts=({"part": "numbers"},)),
    "operations:alerts": lambda w, s: Fill(parts=({"part": "places"},)),
    "operations:destination_new": lambda w, s: Fill(
        data={"name": "Duty", "channel": "slack", "address": HOOK, "kinds": ["failed"]}
    ),
    "operations:destination": _place(data={"name": "Duty", "kinds": ["failed"]}),
    "operations:destination_test": _place(),
    "operations:destination_remove": _place(),
    "metrics": lambda w, s: Fill(answers=(404,)),
    "operations:platforms": NONE,
    "audit:record": NONE,
    "audit:export": NONE,
    "audit:people": lambda w, s: Fill(query={"who": "Writer"}),
    "audit:exports": lambda w, s: Fill(parts=({},)),
    "audit:export_begin": lambda w, s: Fill(data={"query": "text=bridge", "format": "csv"}),
    # Whose it is, is tried in tests/audit/test_exports.py; nobody else's is there for anybody.
    "audit:export_file": lambda w, s: Fill({"export_id": NOBODYS}, answers=(404,)),
    "audit:export_proof": lambda w, s: Fill({"export_id": NOBODYS}, answers=(404,)),
    "audit:export_remove": lambda w, s: Fill({"export_id": NOBODYS}, done=(404,), acts_on=""),
    "audit:queries": NONE,
    "audit:query_save": lambda w, s: Fill(data={"query": "text=bridge", "name": "Bridges"}),
    "audit:query_remove": lambda w, s: Fill({"query_id": 2**40}, done=(404,), acts_on=""),
    "audit:activity": lambda w, s: Fill(parts=({},)),
    "audit:seal": NONE,
    "audit:account_life": _account(),
    "audit:person_life": _person(),
    "audit:event": lambda w, s: Fill({"event_id": s.event.pk}, parts=({},)),
    "audit:erase_event": lambda w, s: Fill({"event_id": s.event.pk}, ERASED),
    "audit:erase_post": _post("published", data=ERASED),
    "audit:event_proof": lambda w, s: Fill({"event_id": s.event.pk}),
    "audit:post_proof": _post("published"),
    "gallery": NONE,
}
