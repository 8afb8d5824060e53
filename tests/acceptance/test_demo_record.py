"""The demo is many acts by many people: each is on record once, and nobody is unnamed."""

from __future__ import annotations

import pytest

from .stage import Stage

# What the demo makes, and the event that tells of its making: table, event, type of the subject.
MADE = (
    ("accounts_socialaccount", "account.connected", "accounts.socialaccount"),
    ("accounts_grant", "grant.given", "accounts.grant"),
    ("accounts_training", "training.created", "accounts.training"),
)


@pytest.mark.parametrize(("table", "event", "kind"), MADE)
def test_what_the_demo_made_is_on_record_once_each(
    stage: Stage, table: str, event: str, kind: str
) -> None:
    # What tests of the pages put beside the demo is no act of anybody's.
    own = f"(SELECT * FROM {table} WHERE base_url = '{stage.sandbox.url}')"
    told = stage.rows(
        f"""SELECT row.id, count(e.id) AS times
              FROM {own if table == "accounts_socialaccount" else table} AS row
              LEFT JOIN audit_event AS e
                ON e.name = %s AND e.subject_type = %s AND e.subject_id = row.id::text
             GROUP BY row.id HAVING count(e.id) <> 1""",
        event,
        kind,
    )
    assert told == []
    assert stage.row(f"SELECT count(*) AS made FROM {table}")["made"] > 0


def test_each_event_of_the_demo_has_an_actor_with_a_name(stage: Stage) -> None:
    unnamed = stage.rows(
        """SELECT name, actor_kind FROM audit_event WHERE actor_label = '' OR actor_kind
           NOT IN ('person', 'worker', 'command', 'platform', 'anonymous')
           OR (actor_kind = 'person') <> (actor_id IS NOT NULL)"""
    )
    assert unnamed == []
