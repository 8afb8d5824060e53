"""What is sent was approved, in exactly this form, by somebody else who held the right just then.

A state machine does what people and workers do, in any order, by the services and the engine that
the pages and Celery use. Beside it a small model keeps who may do what and what was said, from
DESIGN's table and the successes alone; what reaches the network is held against the model.

    make test ARGS="tests/rights/test_approval_integrity.py --hypothesis-profile=long"
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from accounts.errors import Invalid
from accounts.levels import CAPABILITIES, Capability, Level
from accounts.models import Grant, SocialAccount, Team, User
from accounts.services.grants import grant_end, grant_set
from accounts.services.people import user_freeze, user_unfreeze
from accounts.services.social import account_change, account_freeze, account_unfreeze
from accounts.services.teams import team_member_add, team_member_remove
from audit.actions import NotAllowed
from platforms.contract import (
    Audience,
    OutcomeUnknown,
    Outgoing,
    Poll,
    Published,
    Refused,
    RetryLater,
)
from scheduling.content import content_hash
from scheduling.correcting import correction_hash
from scheduling.elements import NOTHING, Element, Elements
from scheduling.engine.claim import claim_due
from scheduling.engine.correct import correct, due_corrections
from scheduling.engine.publish import publish
from scheduling.errors import Stale
from scheduling.models import Correction, CorrectionState, Delivery, Media, Pause, Post
from scheduling.services import corrections
from scheduling.services import deliveries as acts
from scheduling.services.pauses import pause_begin, pause_end
from scheduling.services.posts import (
    post_cancel,
    post_create,
    post_edit,
    post_schedule,
    post_send,
    post_submit,
    post_take_back,
)
from scheduling.states import State
from scheduling.transitions import NoSuchMove
from tests.factories import (
    COMMAND,
    CredentialFactory,
    SocialAccountFactory,
    UserFactory,
    add_media,
    give,
    make_team,
    person,
)
from tests.rights.conftest import undone
from tests.rights.world import picture

pytestmark = pytest.mark.django_db

REFUSALS = (Invalid, NotAllowed, NoSuchMove, Stale)
TEXTS = ("The bridge is closed.", "The bridge is open.", "Mind the ice.")
ALTS = ("", "A bridge", "A road with ice")
NAMES = ("Cora", "Paul", "Anna", "Abel", "Mona")
FIRST_LEVELS = (
    Level.CONTRIBUTOR,
    Level.PUBLISHER,
    Level.APPROVER,
    Level.APPROVER,
    Level.MANAGER,
)
ACTS = ("hold", "release", "reschedule", "now", "schedule", "cancel", "settle")
ALONG = (
    NOTHING,
    Elements(thread=("More to come.",)),
    Elements(thread=("More to come.", "That was all.")),
    Elements(poll=Poll(("Monday", "Friday"), 1_440)),
    Elements(poll=Poll(("Monday", "Sunday"), 1_440), audience=Audience.MENTIONED),
    Elements(first_comment="See the map."),
)
Along = tuple[tuple[str, ...], Poll | None, Audience, str]
Content = tuple[str, tuple[tuple[str, str], ...], Along]

seen_in_this_run: Counter[str] = Counter()
"""What the run came to, so that it cannot pass by never sending anything."""


@dataclass
class Cast:
    """Who and what each run begins with; made once."""

    people: dict[str, User]
    accounts: list[SocialAccount]  # the second asks for approval from everybody
    team: Team


def cast() -> Cast:
    people = {name: UserFactory(full_name=name) for name in NAMES}
    accounts = [
        CredentialFactory(account=SocialAccountFactory(approval_required=strict)).account
        for strict in (False, True)
    ]
    for user, level in zip(people.values(), FIRST_LEVELS, strict=True):
        for account in accounts:
            give(user, level, account)
    return Cast(people, accounts, make_team("Night desk"))


class Desk(RuleBasedStateMachine):
    def __init__(self, made: Cast) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(undone())
        patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("accounts.connections.open_adapter", lambda *_, **__: self)
        patch.setattr("accounts.connections.KEPT", 0)  # the next run is another platform
        self.people = {name: User.objects.get(pk=one.pk) for name, one in made.people.items()}
        self.accounts = list(SocialAccount.objects.filter(pk__in=[a.pk for a in made.accounts]))
        self.accounts.sort(key=lambda account: account.pk)
        self.team = made.team
        self.answers: list[Exception] = []
        self.claims: list[tuple[int, int]] = []
        self.looked: list[tuple[int, str]] = []  # what somebody has on an open page: stale or not
        # --- the model
        self.levels: dict[tuple[str, int], Level] = {  # name or 'team', account
            (name, account.pk): level
            for name, level in zip(NAMES, FIRST_LEVELS, strict=True)
            for account in self.accounts
        }
        self.in_team: set[str] = set()
        self.frozen: set[object] = set()  # names and account ids
        self.strict = {self.accounts[1].pk}
        self.paused: dict[int, set[int]] = {}  # pause to the accounts it holds
        self.text: dict[int, str] = {}  # of a post
        self.own: dict[tuple[int, int], str] = {}  # of a post on an account
        self.pictures: dict[int, tuple[tuple[str, str], ...]] = {}  # of a post
        self.along: dict[int, Elements] = {}  # of a post
        self.own_along: dict[tuple[int, int], Elements] = {}  # of a post on an account
        self.writers: dict[tuple[int, int], set[str]] = {}  # of a post on an account
        self.sender: dict[tuple[int, int], str] = {}
        self.approved: dict[int, Content] = {}  # of a delivery, while it stands
        self.proposed: dict[int, tuple[str, str]] = {}  # of a correction: by whom, which words
        self.approved_words: dict[int, str] = {}  # of a correction
        self.withdrawn: set[str] = set()  # remote ids
        self.looked_at_corrections: list[tuple[int, str]] = []

    @initialize(data=st.data())
    def there_is_something_to_do(self, data: st.DataObject) -> None:
        for _ in range(2):
            self.write(data, now=True, sends=True)

    def teardown(self) -> None:
        self.stack.close()

    # --- what the model knows ---------------------------------------------------------------

    def may(self, name: str, capability: Capability, account_id: int) -> bool:
        if name in self.frozen:
            return False
        held = {self.levels.get((name, account_id))}
        if name in self.in_team:
            held.add(self.levels.get(("team", account_id)))
        if account_id in self.frozen and capability not in (Capability.VIEW, Capability.MANAGE):
            return False
        return any(level and capability in CAPABILITIES[level] for level in held)

    def content(self, post_id: int, account_id: int) -> Content:
        text = self.own.get((post_id, account_id), self.text[post_id])
        along = self.own_along.get((post_id, account_id), self.along[post_id])
        return text, self.pictures[post_id], _along(along)

    # --- the network ------------------------------------------------------------------------

    def publish(self, post: Outgoing, *, steps: Any) -> Published:
        """What the world will see is what was approved, and may go out at this moment."""
        delivery = Delivery.objects.get(key=UUID(hex=post.key))
        at = (delivery.post_id, delivery.account_id)
        images = tuple((hashlib.sha256(i.data).hexdigest(), i.alt_text) for i in post.images)
        parts = tuple(part.text for part in post.parts)
        sent: Content = (
            post.text,
            images,
            (parts, post.poll, post.audience, post.first_comment),
        )
        seen_in_this_run["sent with something along"] += sent[2] != _along(NOTHING)
        assert sent == self.content(*at), "it says something else than was last written"
        assert delivery.account_id not in self.frozen, "the account is frozen"
        assert not any(delivery.account_id in held for held in self.paused.values()), "a pause"
        if delivery.pk in self.approved:
            assert sent == self.approved[delivery.pk], "it is not what was approved"
            assert self.may(self.sender[at], Capability.DRAFT, delivery.account_id)
            seen_in_this_run["sent, approved"] += 1
        else:
            assert delivery.account_id not in self.strict, "nobody has approved it"
            assert self.may(self.sender[at], Capability.PUBLISH, delivery.account_id)
            seen_in_this_run["sent without review"] += 1
        if self.answers:
            raise self.answers.pop()
        return Published(f"r-{post.key}", f"https://there.example/{post.key}", timezone.now())

    def edit(self, remote_id: str, post: Outgoing) -> None:
        """The same of what becomes of a published post."""
        correction = Correction.objects.get(
            state=CorrectionState.SENDING, delivery__remote_id=remote_id
        )
        account, (name, words) = correction.account, self.proposed[correction.pk]
        assert post.text == words, "it says something else than was proposed"
        assert remote_id not in self.withdrawn, "it was taken down"
        assert account.pk not in self.frozen, "the account is frozen"
        assert not any(account.pk in held for held in self.paused.values()), "a pause"
        if correction.pk in self.approved_words:
            assert post.text == self.approved_words[correction.pk], "it is not what was approved"
            assert self.may(name, Capability.DRAFT, account.pk)
            seen_in_this_run["corrected, approved"] += 1
        else:
            assert account.pk not in self.strict, "nobody has approved it"
            assert self.may(name, Capability.PUBLISH, account.pk)
            seen_in_this_run["corrected without review"] += 1
        if self.answers:
            raise self.answers.pop()

    # --- writing ----------------------------------------------------------------------------

    @rule(data=st.data(), now=st.booleans(), sends=st.booleans())
    def write(self, data: st.DataObject, now: bool, sends: bool) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.accounts), min_size=1, unique=True))
        name = self._somebody(data, Capability.DRAFT, chosen)
        text, own, pictures = self._words(data, name, chosen)
        along, own_along = self._along(data, chosen, pictures)
        post = self._do(
            lambda: post_create(
                actor=person(self.people[name]),
                text=text,
                accounts=chosen,
                own_texts=own,
                elements=along,
                own_elements=own_along,
                pictures=pictures,
                due_at=timezone.now() + timedelta(hours=0 if now else 1),
            )
        )
        if post is not None:
            self.text[post.pk], self.pictures[post.pk] = text, _shown(pictures)
            self._note_along(post, along, own_along)
            for account in chosen:
                self.writers[post.pk, account.pk] = {name}
                if account.pk in own:
                    self.own[post.pk, account.pk] = own[account.pk]
            if sends:
                self._send(post, name, post_send)

    @rule(data=st.data())
    def rewrite(self, data: st.DataObject) -> None:
        post = self._post(data)
        if post is None:
            return
        name = self._writer_of(data, post)
        chosen = [delivery.account for delivery in post.deliveries.exclude(state=State.CANCELLED)]
        text, own, pictures = self._words(data, name, chosen, post)
        along, own_along = self._along(data, chosen, pictures)
        before = {a.pk: self.content(post.pk, a.pk) for a in chosen}
        done = self._do(
            lambda: post_edit(
                actor=person(self.people[name]),
                post=post,
                version=post.version,
                text=text,
                accounts=chosen,
                own_texts=own,
                elements=along,
                own_elements=own_along,
                pictures=pictures,
                due_at=timezone.now(),
            )
        )
        if done is None:
            return
        self.text[post.pk], self.pictures[post.pk] = text, _shown(pictures)
        self._note_along(post, along, own_along)
        for account in chosen:
            self.own.pop((post.pk, account.pk), None)
            if account.pk in own:
                self.own[post.pk, account.pk] = own[account.pk]
            if self.content(post.pk, account.pk) != before[account.pk]:
                self.writers[post.pk, account.pk].add(name)
                seen_in_this_run["edited"] += 1
        self._approvals_of(post, standing=False)

    @rule(data=st.data(), how=st.sampled_from([post_send, post_submit, post_schedule]))
    def send(self, data: st.DataObject, how: Callable[..., list[Delivery]]) -> None:
        post = self._post(data)
        if post is not None:
            self._send(post, self._writer_of(data, post), how)

    def _send(self, post: Post, name: str, how: Callable[..., list[Delivery]]) -> None:
        sent = self._do(lambda: how(actor=person(self.people[name]), post=post))
        for delivery in sent or ():
            assert self.may(name, Capability.DRAFT, delivery.account_id)
            self.sender[delivery.post_id, delivery.account_id] = name

    @rule(data=st.data(), how=st.sampled_from([post_take_back, post_cancel]))
    def take_back(self, data: st.DataObject, how: Callable[..., Post]) -> None:
        post = self._post(data)
        if post is None:
            return
        name = self._writer_of(data, post)
        if self._do(lambda: how(actor=person(self.people[name]), post=post)):
            self._approvals_of(post, standing=how is post_cancel)

    # --- deciding ---------------------------------------------------------------------------

    @rule(data=st.data(), stale=st.booleans(), own=st.booleans())
    def approve(self, data: st.DataObject, stale: bool, own: bool) -> None:
        """Of what is on a page now, or was on one a while ago; of one's own words, too."""
        waiting = self._delivery(data, State.IN_REVIEW)
        if waiting is not None:
            self.looked.append((waiting.pk, content_hash(waiting)))
        if not self.looked or (waiting is None and not stale):
            return
        pk, seen = data.draw(st.sampled_from(self.looked)) if stale else self.looked[-1]
        delivery = Delivery.objects.select_related("account", "post").get(pk=pk)
        at = (delivery.post_id, delivery.account_id)
        theirs = {*self.writers[at], self.sender.get(at)}
        account = delivery.account
        name = self._somebody(data, Capability.APPROVE, [account], () if own else theirs)
        done = self._do(
            lambda: acts.delivery_approve(
                actor=person(self.people[name]), delivery=delivery, content_hash=seen
            )
        )
        may = self.may(name, Capability.APPROVE, delivery.account_id)
        if done is None:
            seen_in_this_run["own words refused"] += may and name in theirs
            return
        assert may, f"{name} may not approve there"
        assert name not in theirs, f"{name} approved their own words"
        self.approved[delivery.pk] = self.content(*at)

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        delivery = self._delivery(data, State.IN_REVIEW)
        if delivery is not None:
            name = self._somebody(data, Capability.APPROVE, [delivery.account])
            self._do(
                lambda: acts.delivery_return(
                    actor=person(self.people[name]), delivery=delivery, comment="Where?"
                )
            )

    @rule(
        data=st.data(),
        act=st.sampled_from(
            ["hold", "release", "reschedule", "now", "schedule", "cancel", "settle"]
        ),
    )
    def do_with_a_delivery(self, data: st.DataObject, act: str) -> None:
        delivery = self._delivery(data)
        if delivery is None:
            return
        name = self._somebody(data, Capability.PUBLISH, [delivery.account])
        actor, now = person(self.people[name]), timezone.now()
        reviewed, state = delivery.pk in self.approved, delivery.state
        calls: dict[str, Callable[[], Delivery]] = {
            "hold": lambda: acts.delivery_hold(actor=actor, delivery=delivery, reason="wait"),
            "release": lambda: acts.delivery_release(actor=actor, delivery=delivery, due_at=now),
            "reschedule": lambda: acts.delivery_reschedule(
                actor=actor, delivery=delivery, due_at=now
            ),
            "now": lambda: acts.delivery_publish_now(actor=actor, delivery=delivery),
            "schedule": lambda: acts.delivery_schedule(actor=actor, delivery=delivery, due_at=now),
            "cancel": lambda: acts.delivery_cancel(actor=actor, delivery=delivery),
            "settle": lambda: acts.delivery_settle(
                actor=actor, delivery=delivery, went_out=False, send_again=True
            ),
        }
        done = self._do(calls[act])
        if done is not None:
            seen_in_this_run[act] += 1
            if state == State.FAILED and done.state == State.SCHEDULED and not reviewed:
                self.sender[delivery.post_id, delivery.account_id] = name

    # --- corrections ------------------------------------------------------------------------

    @rule(data=st.data(), text=st.sampled_from(TEXTS))
    def propose(self, data: st.DataObject, text: str) -> None:
        delivery = self._delivery(data, State.PUBLISHED)
        if delivery is None:
            return
        name = self._somebody(data, Capability.DRAFT, [delivery.account])
        made = self._do(
            lambda: corrections.correction_propose(
                actor=person(self.people[name]),
                post=delivery.post,
                texts={delivery.pk: text},
                seen={delivery.pk: delivery.text},
            )
        )
        for correction in made or ():
            assert self.may(name, Capability.DRAFT, delivery.account_id)
            self.proposed[correction.pk] = (name, text)

    @rule(data=st.data(), stale=st.booleans(), own=st.booleans())
    def approve_correction(self, data: st.DataObject, stale: bool, own: bool) -> None:
        waiting = self._correction(data, CorrectionState.PROPOSED)
        if waiting is not None:
            self.looked_at_corrections.append((waiting.pk, correction_hash(waiting)))
        if not self.looked_at_corrections or (waiting is None and not stale):
            return
        seen = self.looked_at_corrections
        pk, said = data.draw(st.sampled_from(seen)) if stale else seen[-1]
        correction = Correction.objects.select_related("delivery__account").get(pk=pk)
        delivery = correction.delivery
        at = (delivery.post_id, delivery.account_id)
        theirs = {*self.writers[at], self.sender.get(at), self.proposed[pk][0]}
        but = () if own else theirs
        name = self._somebody(data, Capability.APPROVE, [delivery.account], but)
        done = self._do(
            lambda: corrections.correction_approve(
                actor=person(self.people[name]), correction=correction, content_hash=said
            )
        )
        may = self.may(name, Capability.APPROVE, delivery.account_id)
        if done is None:
            seen_in_this_run["own correction refused"] += may and name in theirs
            return
        assert may, f"{name} may not approve there"
        assert name not in theirs, f"{name} approved their own words"
        self.approved_words[pk] = self.proposed[pk][1]

    @rule(data=st.data(), act=st.sampled_from(["return", "drop", "withdraw"]))
    def stop_a_correction(self, data: st.DataObject, act: str) -> None:
        correction = self._correction(data)
        if correction is None:
            return
        delivery = correction.delivery
        needs = {"return": Capability.APPROVE, "drop": Capability.DRAFT}
        name = self._somebody(data, needs.get(act, Capability.PUBLISH), [delivery.account])
        actor = person(self.people[name])
        calls: dict[str, Callable[[], Any]] = {
            "return": lambda: corrections.correction_return(
                actor=actor, correction=correction, comment="Why?"
            ),
            "drop": lambda: corrections.correction_drop(actor=actor, correction=correction),
            "withdraw": lambda: acts.delivery_withdraw(
                actor=actor, delivery=delivery, reason="wrong"
            ),
        }
        if self._do(calls[act]) is not None:
            seen_in_this_run[f"correction: {act}"] += 1
            if act == "withdraw":
                self.withdrawn.add(delivery.remote_id)

    @rule(answer=st.sampled_from([None, None, RetryLater, Refused, OutcomeUnknown]))
    def send_corrections(self, answer: type[Exception] | None) -> None:
        self.answers = [answer("Not now.")] if answer else []
        Correction.objects.filter(state=CorrectionState.QUEUED).update(next_try_at=timezone.now())
        for pk in due_corrections():
            if correct(pk) == CorrectionState.CORRECTED:
                delivery = Correction.objects.get(pk=pk).delivery
                name, text = self.proposed[pk]
                assert delivery.text == text
                self.own[delivery.post_id, delivery.account_id] = text
                self.writers[delivery.post_id, delivery.account_id].add(name)

    @rule(data=st.data(), text=st.sampled_from(TEXTS), own=st.booleans())
    def somebody_corrects_and_it_goes_out(self, data: st.DataObject, text: str, own: bool) -> None:
        self.tick_and_work()
        self.propose(data, text)
        self.approve_correction(data, stale=False, own=own)
        self.send_corrections(None)

    # --- rights that come and go ------------------------------------------------------------

    @rule(data=st.data())
    def something_changes(self, data: st.DataObject) -> None:
        changes = (
            self._change_a_level,
            self._join_or_leave_the_team,
            self._freeze_or_thaw_somebody,
            self._freeze_or_thaw_an_account,
            self._ask_for_approval_or_not,
            self._pause_or_go_on,
        )
        data.draw(st.sampled_from(changes))(data)

    def _change_a_level(self, data: st.DataObject) -> None:
        level = data.draw(st.sampled_from([*Level, None]))
        account = data.draw(st.sampled_from(self.accounts))
        self._give(data.draw(st.sampled_from([*NAMES, "team"])), account, level)

    def _join_or_leave_the_team(self, data: st.DataObject) -> None:
        name = self._somebody(data)
        service = team_member_remove if name in self.in_team else team_member_add
        service(actor=COMMAND, team=self.team, user=self.people[name])
        self.in_team ^= {name}

    def _freeze_or_thaw_somebody(self, data: st.DataObject) -> None:
        name = self._somebody(data)
        if name in self.frozen:
            user_unfreeze(actor=COMMAND, user=self.people[name])
        else:
            user_freeze(actor=COMMAND, user=self.people[name], reason="a lost phone")
        self.frozen ^= {name}

    def _freeze_or_thaw_an_account(self, data: st.DataObject) -> None:
        account = data.draw(st.sampled_from(self.accounts))
        account.refresh_from_db()
        if account.pk in self.frozen:
            account_unfreeze(actor=COMMAND, account=account)
        else:
            account_freeze(actor=COMMAND, account=account, reason="a leak")
        self.frozen ^= {account.pk}

    def _ask_for_approval_or_not(self, data: st.DataObject) -> None:
        account = data.draw(st.sampled_from(self.accounts))
        account.refresh_from_db()
        account_change(
            actor=COMMAND,
            account=account,
            owner=account.owner,
            display_name=account.display_name,
            purpose=account.purpose,
            time_zone=account.time_zone,
            approval_required=account.pk not in self.strict,
        )
        self.strict ^= {account.pk}

    def _pause_or_go_on(self, data: st.DataObject) -> None:
        if self.paused:
            pk = next(iter(self.paused))
            pause_end(actor=COMMAND, pause=Pause.objects.get(pk=pk))
            del self.paused[pk]
            return
        account = data.draw(st.sampled_from([*self.accounts, None]))
        pause = pause_begin(actor=COMMAND, reason="an emergency", account=account)
        held = {account.pk} if account else {a.pk for a in self.accounts}
        self.paused[pause.pk] = held

    # --- workers and the clock --------------------------------------------------------------

    @rule(data=st.data())
    def somebody_approves_and_it_goes_out(self, data: st.DataObject) -> None:
        self.approve(data, stale=False, own=False)
        self.tick_and_work()

    @rule()
    def tick(self) -> None:
        self.claims += claim_due()

    @rule(answer=st.sampled_from([None, None, RetryLater, Refused, OutcomeUnknown]))
    def work(self, answer: type[Exception] | None) -> None:
        self.answers = [answer("Not now.")] if answer else []
        if self.claims:
            publish(*self.claims.pop(0))

    @rule()
    def tick_and_work(self) -> None:
        self.answers = []
        self.claims += claim_due()
        while self.claims:
            publish(*self.claims.pop(0))

    @rule(data=st.data(), late=st.integers(0, 3).map(lambda n: n == 0))
    def time_goes_by(self, data: st.DataObject, late: bool) -> None:
        delivery = self._delivery(data, State.SCHEDULED)
        if delivery is not None:
            due = timezone.now() - timedelta(hours=1 if late else 0)
            Delivery.objects.filter(pk=delivery.pk).update(due_at=due, next_try_at=due)

    # --- pieces -----------------------------------------------------------------------------

    def _do(self, act: Callable[[], Any]) -> Any:
        """What a service gave back; None when it refused, and then it changed nothing."""
        try:
            return act()
        except REFUSALS as refusal:
            seen_in_this_run[type(refusal).__name__] += 1
            return None

    def _somebody(
        self,
        data: st.DataObject,
        capability: Capability | None = None,
        accounts: Iterable[SocialAccount] = (),
        but: Iterable[str | None] = (),
    ) -> str:
        """Mostly somebody who may, so that something comes about; now and then anybody."""
        fit = [
            name
            for name in NAMES
            if name not in but
            and all(capability and self.may(name, capability, account.pk) for account in accounts)
        ]
        anybody = data.draw(st.integers(0, 3)) == 0
        return str(data.draw(st.sampled_from(NAMES if anybody or not fit else fit)))

    def _writer_of(self, data: st.DataObject, post: Post) -> str:
        accounts = [delivery.account for delivery in post.deliveries.select_related("account")]
        return self._somebody(data, Capability.DRAFT, accounts)

    def _post(self, data: st.DataObject) -> Post | None:
        posts = list(Post.objects.filter(pk__in=self.text).order_by("pk"))
        return data.draw(st.sampled_from(posts)) if posts else None

    def _delivery(self, data: st.DataObject, state: State | None = None) -> Delivery | None:
        rows = Delivery.objects.select_related("account", "post", "sender").order_by("pk")
        found = list(rows.filter(state=state) if state else rows)
        return data.draw(st.sampled_from(found)) if found else None

    def _correction(
        self, data: st.DataObject, state: CorrectionState | None = None
    ) -> Correction | None:
        rows = Correction.objects.select_related("delivery__account", "by").order_by("pk")
        found = list(rows.filter(state=state) if state else rows)
        return data.draw(st.sampled_from(found)) if found else None

    def _words(
        self,
        data: st.DataObject,
        name: str,
        chosen: list[SocialAccount],
        post: Post | None = None,
    ) -> tuple[str, dict[int, str], list[tuple[int, str]]]:
        text = data.draw(st.sampled_from(TEXTS))
        own = {a.pk: data.draw(st.sampled_from(TEXTS)) for a in chosen if data.draw(st.booleans())}
        there = list(Media.objects.filter(post=post, removed_at=None)) if post else []
        if not there and data.draw(st.booleans()):
            made = self._do(lambda: add_media(person(self.people[name]), _upload()))
            there = [made] if made else []
        kept = [media for media in there if data.draw(st.booleans())]
        return text, own, [(media.pk, data.draw(st.sampled_from(ALTS))) for media in kept]

    def _along(
        self, data: st.DataObject, chosen: list[SocialAccount], pictures: list[tuple[int, str]]
    ) -> tuple[Elements, dict[int, Elements]]:
        """What goes along, and the accounts on which somebody leaves it out."""
        along = data.draw(st.sampled_from(ALONG))
        if pictures:
            along = along.without([Element.POLL])  # a poll goes alone
        left = [account.pk for account in chosen if data.draw(st.booleans())]
        return along, dict.fromkeys(left, NOTHING) if along.used else {}

    def _note_along(self, post: Post, along: Elements, own: dict[int, Elements]) -> None:
        self.along[post.pk] = along
        for at in [at for at in self.own_along if at[0] == post.pk]:
            del self.own_along[at]
        self.own_along |= {(post.pk, account): each for account, each in own.items()}

    def _approvals_of(self, post: Post, *, standing: bool) -> None:
        """After an act on a whole post: what is a draft again has no approval any more."""
        for delivery in post.deliveries.all():
            if not standing and delivery.state == State.DRAFT:
                self.approved.pop(delivery.pk, None)
                self.sender.pop((delivery.post_id, delivery.account_id), None)

    def _give(self, name: str, account: SocialAccount, level: Level | None) -> None:
        who: dict[str, Any] = {"team": self.team} if name == "team" else {"user": self.people[name]}
        if level is not None:
            grant_set(actor=COMMAND, account=account, level=str(level), reason="work", **who)
            self.levels[name, account.pk] = level
            return
        for grant in Grant.objects.in_force().filter(account=account, **who):
            grant_end(actor=COMMAND, grant=grant)
        self.levels.pop((name, account.pk), None)


def _upload() -> SimpleUploadedFile:
    return SimpleUploadedFile("bridge.png", picture(), "image/png")


def _along(elements: Elements) -> Along:
    return elements.thread, elements.poll, elements.audience, elements.first_comment


def _shown(pictures: list[tuple[int, str]]) -> tuple[tuple[str, str], ...]:
    hashes = dict(Media.objects.values_list("pk", "sha256"))
    return tuple((hashes[pk], alt) for pk, alt in pictures)


def test_what_is_sent_was_approved_in_this_form_by_somebody_else():
    seen_in_this_run.clear()
    made = cast()
    long = settings.default.max_examples > 100
    run_state_machine_as_test(
        lambda: Desk(made),
        settings=settings(
            max_examples=settings.default.max_examples if long else 25,
            stateful_step_count=50 if long else 25,
            derandomize=not long,
        ),
    )
    for came_about in (
        "sent, approved",
        "sent without review",
        "sent with something along",
        "edited",
        "own words refused",
        "corrected, approved",
        "corrected without review",
        "own correction refused",
    ):
        assert seen_in_this_run[came_about], f"never: {came_about}; {seen_in_this_run}"
