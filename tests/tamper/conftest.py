"""A record with witnessed checkpoints, the database's superuser, and the stand-alone verifier."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from django.db import connection

from audit.leaves import COLUMNS, Salts, leaf_of, rows_of, texts_of
from audit.merkle import leaf_hash
from audit.models import Checkpoint, Event
from audit.proofs import SealedExport
from audit.sealing import seal, signing_keys
from audit.tree import Tree
from socialdesk.launcher.postgres import ADMIN
from tests.factories import COMMAND
from tests.services import SUPERUSER

VERIFIER = Path(__file__).parents[2] / "tools" / "verify_socialdesk.py"
TABLES = (
    "audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_salt", "audit_unsealed",
    "audit_erasure",
)  # fmt: skip


@pytest.fixture
def _superuser(django_db_setup, django_db_blocker):
    """The connection of the test belongs to the database's superuser."""
    password = os.environ.get(SUPERUSER)
    if password is None:
        yield  # a server of somebody else's: its owner can switch triggers off as well
        return
    config = connection.settings_dict
    before = {name: config[name] for name in ("USER", "PASSWORD")}

    def become(**who):
        with django_db_blocker.unblock():
            connection.close()
            connection.close_pool()
            config.update(who)

    become(USER=ADMIN, PASSWORD=password)
    yield
    become(**before)


@pytest.fixture
def world(_superuser, db, tmp_path):
    return World(tmp_path)


class World:
    """Events, seals, witnesses, and what a superuser does to them."""

    def __init__(self, folder):
        self.folder = folder
        self.key = str(signing_keys()[0].public)
        self.witnessed = []

    # --- what is right ------------------------------------------------------------------------

    def happen(self, count=1, **fields):
        values = {
            "name": "delivery.published",
            "actor_kind": "person",
            "actor_id": 3,
            "actor_label": "Ana Reyes",
            "address": "192.0.2.7",
            "subject_type": "scheduling.delivery",
            "account_id": 4,
            "post_id": 9,
            **fields,
        }
        made = (
            [
                Event(
                    **{"act": uuid.uuid4(), "subject_label": f"post {number}", **values},
                    data=fields.get("data", {"text": f"words {number}", "at": 1.5}),
                )
                for number in range(count)
            ]
            if "data" not in fields
            else [Event(act=uuid.uuid4(), **values)]
        )
        return Event.objects.bulk_create(made)

    def seal(self, *, witness=True):
        while (done := seal()) and done.more:
            pass
        if witness:
            self.witnessed.append(Checkpoint.objects.first().note)

    def live(self, rounds=4, count=40):
        """Days go by: events, seals, and a witness for each."""
        for _ in range(rounds):
            self.happen(count)
            self.seal()

    # --- what is wrong ------------------------------------------------------------------------

    def attack(self, *statements):
        """As the superuser, with all triggers off."""
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for statement in statements:
                cursor.execute(*statement if isinstance(statement, tuple) else (statement,))
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    def at(self, place):
        """The number of the event at a place."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT event_id FROM audit_leaf WHERE index = %s", [place])
            return cursor.fetchone()[0]

    def order(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT event_id FROM audit_leaf ORDER BY index")
            return [row[0] for row in cursor.fetchall()]

    def hash_anew(self, order):
        """Leaves and nodes made anew for the events as they are, in this order; what has a salt
        keeps it. The checkpoints stay: without the key there are no others."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT event_id, who, what FROM audit_salt")
            salts = {number: Salts(who, what) for number, who, what in cursor.fetchall()}
            cursor.execute(f"SELECT {COLUMNS} FROM audit_event e")
            rows = {row.id: row for row in rows_of(cursor.fetchall())}
        self.attack("DELETE FROM audit_leaf", "DELETE FROM audit_node")
        hashes, tree = [], Tree(0)
        for place, number in enumerate(order):
            salt = salts.get(number) or Salts(b"x" * 16, b"y" * 16)
            bound = texts_of(rows[number], salt).commitments
            hashes.append(leaf_hash(leaf_of(rows[number], bound)))
            self.attack(
                (
                    "INSERT INTO audit_leaf (index, event_id, hash, who, what)"
                    " VALUES (%s, %s, %s, %s, %s)",
                    [place, number, hashes[-1], *bound],
                )
            )
            if number not in salts:
                self.attack(
                    (
                        "INSERT INTO audit_salt (event_id, who, what) VALUES (%s, %s, %s)",
                        [number, *salt],
                    )
                )
        tree.grow(hashes)

    def seal_anew(self):
        """Everything made anew, checkpoint and all, by the sealer itself."""
        self.attack(
            *(f"DELETE FROM {table}" for table in TABLES[1:6]),
            "INSERT INTO audit_unsealed SELECT id FROM audit_event",
        )
        self.seal(witness=False)

    def insert(self, **fields):
        """A line put in by hand, with no trigger to see it."""
        self.attack("SELECT 1")
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        (event,) = self.happen(data={"text": "never said"}, **fields)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")
        return event

    # --- what the verifier says ---------------------------------------------------------------

    def verify(self, *more, key=None, by=None):
        """Exit code and words of the verifier, from an export, the key and the witnesses alone.
        `by`: what runs it, in place of `run`."""
        export, seen = self.folder / "record.txt", self.folder / "witnessed.txt"
        export.write_text("".join(SealedExport(COMMAND).begin()), encoding="utf-8")
        seen.write_text("\n".join(self.witnessed), encoding="utf-8")
        return (by or run)("record", export, "--key", key or self.key, "--witnessed", seen, *more)


def run(*words):
    """The verifier as a program of its own, with nothing of Socialdesk on its path."""
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=100,
        env={"PYTHONIOENCODING": "utf-8"},
        cwd="/",
    )
    assert not done.stderr or done.returncode == 2, done.stderr
    return done.returncode, done.stdout + done.stderr


def new_key(name):
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"
