"""Northmoor: a deterministic demo on the Sandbox, made by the same services as everything else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from accounts.connections import Proven, account_prove
from accounts.errors import Invalid
from accounts.levels import Level
from accounts.models import SocialAccount, Team, User
from accounts.services.grants import grant_set
from accounts.services.social import account_connect
from accounts.services.teams import team_create, team_member_add
from audit.actors import Actor
from mentions import moderating
from mentions.models import Act, Mention, Reason
from mentions.polling import claim_account, poll
from mentions.services.moderation import moderation_ask
from mentions.tasks import MODERATOR
from platforms.sandbox.seed import demo_accounts
from scheduling.content import content_hash
from scheduling.engine.claim import claim_due
from scheduling.engine.publish import publish
from scheduling.models import Delivery, Post
from scheduling.services.deliveries import delivery_approve, delivery_hold, delivery_return
from scheduling.services.posts import post_create, post_schedule, post_submit
from socialdesk import demo_access

ZONE = ZoneInfo("Europe/London")
PASSWORD = "northmoor-demo-2026"  # noqa: S105  # printed on the sign-in page of the demo alone
COMMAND = Actor.command("seed_demo")


@dataclass(frozen=True, slots=True)
class DemoPerson:
    key: str
    full_name: str
    title: str
    roles: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        return f"{self.key}@northmoor.example"


PEOPLE = (
    DemoPerson("admin", "Amara Okafor", "Administrator", ("is_administrator",)),
    DemoPerson("officer", "Ben Hale", "Comms officer"),
    DemoPerson("contributor", "Chloe Wright", "Neighbourhood officer"),
    DemoPerson("supervisor", "David Singh", "Supervisor, approves"),
    DemoPerson("auditor", "Eve Moran", "Auditor", ("is_auditor",)),
    DemoPerson("manager", "Farah Aziz", "Head of communications"),
)


def seed() -> list[dict[str, str]]:
    """Fill an empty installation; does nothing to one with people. Returns the demo sign-ins.

    Raises Invalid when the Sandbox does not answer.
    """
    if not User.objects.exists():
        people = {person.key: _person(person) for person in PEOPLE}
        accounts = _accounts(people)
        _grants(people, accounts)
        for account in accounts.values():
            claim_account(account)
            poll(account.pk, actor=COMMAND)
        _posts(people, accounts)
        _hide_fraud(people["officer"])
        demo_access.seed(people)
    return [{"email": p.email, "password": PASSWORD, "title": p.title} for p in PEOPLE]


def _person(person: DemoPerson) -> User:
    roles = dict.fromkeys(person.roles, True)
    return User.objects.create_user(
        person.email, PASSWORD, full_name=person.full_name, time_zone="Europe/London", **roles
    )


def _accounts(people: Mapping[str, User]) -> dict[str, SocialAccount]:
    """The three official accounts, connected as an administrator would."""
    purposes = {
        "northmoor_fire": ("manager", "Fires, rescues and how to prevent both", False),
        "northmoor_police": ("manager", "Appeals, warnings and the work of our teams", True),
        "northmoor_council": ("officer", "Services, roads and what is on", False),
    }
    accounts = {}
    for demo in demo_accounts():
        owner, purpose, approval = purposes[demo.handle]
        accounts[demo.handle] = account_connect(
            actor=Actor.person(people["admin"], via="seed_demo"),
            proven=_proven(demo.handle, demo.token),
            owner=people[owner],
            time_zone="Europe/London",
            purpose=purpose,
            approval_required=approval,
        )
    return accounts


def _proven(handle: str, token: str, *, patience_s: float = 20.0) -> Proven:
    """Credentials proven, waiting for a Sandbox that is just starting."""
    until = time.monotonic() + patience_s
    while True:
        try:
            return account_prove(
                platform="sandbox", handle=handle, base_url=settings.SANDBOX_URL, secret=token
            )
        except Invalid as error:
            if error.field != "base_url" or time.monotonic() > until:
                raise
            time.sleep(0.25)


def _grants(people: Mapping[str, User], accounts: Mapping[str, SocialAccount]) -> None:
    press = _team("Press office", "Plans and answers for the whole organisation", people["officer"])
    beats = _team("Neighbourhood teams", "Officers who post from their beat", people["contributor"])
    fire, police, council = (
        accounts[name] for name in ("northmoor_fire", "northmoor_police", "northmoor_council")
    )
    given: tuple[tuple[User | Team, Level, SocialAccount, str], ...] = (
        (press, Level.PUBLISHER, fire, "Runs the day-to-day"),
        (press, Level.PUBLISHER, council, "Runs the day-to-day"),
        (people["officer"], Level.CONTRIBUTOR, police, "Covers holidays"),
        (beats, Level.CONTRIBUTOR, police, "Posts from the beat"),
        (people["contributor"], Level.CONTRIBUTOR, fire, "Joint prevention campaign"),
        (people["supervisor"], Level.APPROVER, fire, "Duty supervisor"),
        (people["supervisor"], Level.APPROVER, police, "Duty supervisor"),
        (people["supervisor"], Level.APPROVER, council, "Duty supervisor"),
        (people["manager"], Level.MANAGER, fire, "Answers for the account"),
        (people["manager"], Level.MANAGER, police, "Answers for the account"),
        (people["manager"], Level.VIEWER, council, "Reads along"),
    )
    for holder, level, account, reason in given:
        who = {"user": holder} if isinstance(holder, User) else {"team": holder}
        grant_set(actor=COMMAND, account=account, level=level, reason=reason, **who)


def _team(name: str, purpose: str, *members: User) -> Team:
    team = team_create(actor=COMMAND, name=name, purpose=purpose)
    for member in members:
        team_member_add(actor=COMMAND, team=team, user=member)
    return team


def _posts(people: Mapping[str, User], accounts: Mapping[str, SocialAccount]) -> None:
    """Posts in every state somebody meets in a day; what is published went over the Sandbox."""
    fire, police, council = (
        accounts[name] for name in ("northmoor_fire", "northmoor_police", "northmoor_council")
    )
    chloe, ben = Actor.person(people["contributor"]), Actor.person(people["officer"])
    david, farah = Actor.person(people["supervisor"]), Actor.person(people["manager"])
    now = timezone.now()

    weather = post_create(
        actor=ben,
        text="Heavy rain tonight. Keep away from the weir and never drive into flood water. "
        "In an emergency call 999. #Northmoor",
        accounts=[fire, council],
        due_at=now,
    )
    post_schedule(actor=ben, post=weather)
    burglary = _submit(
        chloe, "We are on Weirside Road until 4 pm today with free bike marking.", [police], now
    )
    _approve(david, burglary)
    for delivery_id, fence in claim_due():
        publish(delivery_id, fence)

    _approve(david, _submit(chloe, _TALKS, [police], _at(1, 9)))
    _approve(david, _submit(chloe, _ALARMS, [fire], _at(2, 12, 30)))
    _submit(chloe, _APPEAL, [police], _at(0, 18, ahead=2))
    _submit(ben, _LIGHTS, [police], _at(1, 16))
    returned = _submit(chloe, _PATROL, [police], _at(3, 8))
    for delivery in returned.deliveries.all():
        delivery_return(
            actor=david, delivery=delivery, comment="Please leave out the name of the street."
        )
    for days, hour, text, targets in _PLANNED:
        chosen = [accounts[f"northmoor_{name}"] for name in targets]
        post_schedule(
            actor=ben,
            post=post_create(actor=ben, text=text, accounts=chosen, due_at=_at(days, hour)),
        )
    held = post_create(actor=farah, text=_OPEN_DAY, accounts=[fire], due_at=_at(6, 10))
    for delivery in post_schedule(actor=farah, post=held):
        delivery_hold(
            actor=farah, delivery=delivery, reason="Waiting for the date to be confirmed."
        )
    post_create(actor=ben, text=_DRAFT, accounts=[council], due_at=_at(4, 11))


def _hide_fraud(officer: User) -> None:
    """Somebody fishes for card numbers under a post of the council's; Ben has it hidden."""
    fraud = Mention.objects.filter(author__handle__contains="fines_refunded").first()
    if fraud is None:  # a Sandbox with a life of its own
        return
    moderation_ask(
        actor=Actor.person(officer),
        mention=fraud,
        act=Act.HIDE,
        reason=Reason.SPAM,
        note="Asks for card numbers. Told to the police as well.",
    )
    for moderation_id, tries in moderating.claim_due():
        moderating.moderate(moderation_id, tries, actor=MODERATOR)


def _submit(actor: Actor, text: str, accounts: list[SocialAccount], due: datetime) -> Post:
    post = post_create(actor=actor, text=text, accounts=accounts, due_at=due)
    post_submit(actor=actor, post=post)
    return post


def _approve(actor: Actor, post: Post) -> None:
    rows = Delivery.objects.filter(post=post).select_related("account", "post")
    for delivery in rows:
        delivery_approve(actor=actor, delivery=delivery, content_hash=content_hash(delivery))


def _at(days: int, hour: int, minute: int = 0, *, ahead: int = 0) -> datetime:
    """A wall-clock time some days from today; never less than `ahead` or one hour from now."""
    today = timezone.now().astimezone(ZONE)
    wanted = datetime.combine(
        today.date() + timedelta(days=days), datetime.min.time(), tzinfo=ZONE
    ).replace(hour=hour, minute=minute)
    return max(wanted, (today + timedelta(hours=max(ahead, 1))).replace(second=0, microsecond=0))


_TALKS = (
    "Talk to us: the Weirside team is in the library on Mill Lane tomorrow from 10 to 12. "
    "No appointment, any question."
)
_ALARMS = (
    "Test it on Tuesday: one press on the button of your smoke alarm. "
    "No beep? We fit alarms for free if you are over 65. https://northmoor.example/alarms"
)
_APPEAL = (
    "Missing: Ella, 14, last seen at 3 pm at the bus station. Blue coat, white trainers. "
    "If you have seen her, call 101 and quote 5120."
)
_LIGHTS = "Dark evenings: lights on your bike, please. We hand out free sets on Market Square."
_PATROL = "Extra patrols on Canal Street this weekend after last week's break-ins."
_OPEN_DAY = "Open day at the fire station: see the engines, try the hose, bring the children."
_DRAFT = "Garden waste: last collection before the winter break is on"
_PLANNED = (
    (1, 8, "Canal Street stays closed today. Buses 4 and 11 stop on Market Square.", ("council",)),
    (2, 17, "Winter is coming: have your chimney swept before the first fire.", ("fire",)),
    (5, 9, "Story time is on Saturday at 10:30 in the library on Mill Lane.", ("council",)),
    (7, 12, "Candles and curtains do not mix. Look around once before bed.", ("fire", "council")),
    (9, 9, "The bus lane on Canal Street: the council decides on Thursday.", ("council",)),
    (12, 15, "We are hiring on-call firefighters. Come and meet the crew.", ("fire",)),
)
