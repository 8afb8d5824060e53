"""Records that live any life are whole to the verifier, and one edit in any of them is found.

Ten lives with the other tests; `--hypothesis-profile=long` lives 300, of up to 60 turns each:

    make test ARGS="tests/tamper/test_lives.py -n0 --hypothesis-profile=long"
"""

from __future__ import annotations

import importlib.util
import io
from contextlib import redirect_stdout
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as desk
from django.utils import timezone
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from audit.erasing import Because
from audit.models import Event, Unsealed
from audit.sealing import signing_keys
from audit.services.keeping import content_erase
from tests.factories import COMMAND
from tests.rights.conftest import undone
from tests.tamper.conftest import VERIFIER, World, new_key

LONG = settings.default.max_examples > 100
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TURNS = st.one_of(
    st.tuples(st.just("happens"), st.integers(1, 12), DATA, TEXTS),
    st.tuples(st.just("comes late"), st.integers(1, 250)),
    st.tuples(st.just("is sealed"), st.booleans()),
    st.tuples(st.just("is erased"), st.integers(0, 99), st.sampled_from(["who", "what", "both"])),
    st.tuples(st.just("has another key"), st.booleans()),
)


class Life(World):
    """A record that lives by turns."""

    def happens(self, count: int, data: Any, who: str) -> None:
        for _ in range(count):
            self.happen(data={"said": data}, actor_label=who or "somebody", subject_label=who)

    def comes_late(self, seconds: int) -> None:
        self.happen(occurred_at=timezone.now() - timedelta(seconds=seconds))

    def is_sealed(self, witness: bool) -> None:
        self.seal(witness=witness)

    def is_erased(self, place: int, parts: str) -> None:
        sealed = [pk for pk in self.order() if not self._is_an_erasure(pk)]
        if sealed:
            event = sealed[place % len(sealed)]
            chosen = ["who", "what"] if parts == "both" else [parts]
            content_erase(actor=COMMAND, event_ids=[event], parts=chosen, because=Because.REQUEST)

    def settle(self) -> None:
        """An erasure explains what is gone from when it is sealed."""
        waiting = Unsealed.objects.values("event_id")
        if Event.objects.filter(name="record.erased", pk__in=waiting).exists():
            self.seal(witness=False)

    def has_another_key(self, finished: bool) -> None:
        """It takes over while both sign; then the old one goes."""
        if not self.witnessed:
            return  # the verifier is given the first key, and has to meet it
        self.happen()
        desk.RECORD_KEYS = [new_key(self.key.split("+")[0]), desk.RECORD_KEYS[0]]
        self.happen()
        self.seal()
        if finished:
            desk.RECORD_KEYS = desk.RECORD_KEYS[:1]

    def verify(self, *more: str, key: str | None = None) -> tuple[int, str]:
        """In this process: a life is over sooner than another Python has begun."""
        return super().verify(*more, key=key, by=_in_here)

    @staticmethod
    def _is_an_erasure(pk: int) -> bool:
        return Event.objects.filter(pk=pk, name="record.erased").exists()


def _in_here(*words: object) -> tuple[int, str]:
    spec = importlib.util.spec_from_file_location("verifier", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr("sys.argv", ["verify", *map(str, words)])
        code = program.main()
    return code, said.getvalue()


@pytest.mark.timeout(3600 if LONG else 120)
@pytest.mark.usefixtures("_superuser")
def test_a_life_is_whole_and_one_edit_in_it_is_found(db, tmp_path, settings_of_keys):
    @settings(max_examples=300 if LONG else 10, derandomize=not LONG, phases=[Phase.generate])
    @given(turns=st.lists(TURNS, max_size=60 if LONG else 20), edited=st.integers(0, 999))
    def lives(turns: list[tuple[Any, ...]], edited: int) -> None:
        desk.RECORD_KEYS = list(settings_of_keys)
        with undone():
            life = Life(tmp_path)
            life.happen(2)
            life.seal()
            for name, *given_ in turns:
                event(name)
                getattr(life, name.replace(" ", "_"))(*given_)
            life.settle()
            code, said = life.verify()
            assert code == 0, said
            assert signing_keys()
            place = edited % len(life.order())
            life.attack(
                ("UPDATE audit_event SET post_id = coalesce(post_id, 0) + 1 WHERE id = %s",
                 [life.at(place)]),
            )  # fmt: skip
            code, said = life.verify()
            assert code == 1, f"an edit at {place} is not found:\n{said}"

    lives()


@pytest.fixture
def settings_of_keys(settings):
    settings.RECORD_KEYS = list(settings.RECORD_KEYS)  # put back afterwards
    return settings.RECORD_KEYS
