"""The contents of old messages are dropped by month; their outcomes stay."""

from __future__ import annotations

import psycopg
import pytest

from harness.commands import OPERATOR, opening
from harness.histories import record
from harness.inbound import execute, inbox, payment
from harness.members import Member
from harness.postgres import TestDatabase
from txplatform.consumers.parked_messages import (
    ContentsDroppedError,
    discard_message,
    retry_message,
)
from txplatform.inbox.reader import stored_message
from txplatform.inbox.writer import keep_contents

MONTHS = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'inbound_contents'::regclass ORDER BY relname
"""


def months(database: TestDatabase) -> list[str]:
    """Return the names of the partitions, oldest first."""
    return [name for (name,) in execute(database, MONTHS)]


def make_old(database: TestDatabase) -> None:
    """Move all messages to January 2020."""
    execute(
        database,
        "CREATE TABLE inbound_contents_2020_01 PARTITION OF inbound_contents"
        " FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z')",
    )
    for table in ("inbound_contents", "inbound_messages"):
        execute(database, f"UPDATE {table} SET received_at = '2020-01-31T12:00:00Z'")


def test_contents_of_old_messages_are_dropped_and_their_outcomes_stay(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    record(service, [opening("acc-1")])
    member = Member(service)
    member.apply(payment("p-1", "acc-1"), payment("p-2", "acc-1", currency="EUR"))
    before = inbox(database)
    make_old(database)
    assert keep_contents(service, 365) == ["inbound_contents_2020_01"]
    assert keep_contents(service, 365) == []
    applied, parked = inbox(database)
    assert [applied.status, parked.reason] == [before[0].status, "currency_mismatch"]
    stored = stored_message(service, parked.id)
    assert stored is not None
    assert (stored.has_contents, stored.received.body) == (False, None)
    with pytest.raises(ContentsDroppedError):
        retry_message(service, parked.id, OPERATOR)
    assert member.apply(payment("p-2", "acc-1", currency="EUR")) == ["duplicate"]
    discard_message(service, parked.id, "Too old.", OPERATOR)


def test_recent_contents_are_kept(database: TestDatabase, service: psycopg.Connection) -> None:
    """A partition is dropped once all its messages are old enough."""
    record(service, [opening("acc-1")])
    Member(service).apply(payment("p-1", "acc-1"))
    assert keep_contents(service, 31) == []
    (message,) = inbox(database)
    stored = stored_message(service, message.id)
    assert stored is not None
    assert stored.has_contents
    assert b'"p-1"' in (stored.received.body or b"")


def test_partitions_of_this_month_and_the_next_one_exist(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    present = months(database)
    execute(database, f"DROP TABLE {present[-1]}")
    keep_contents(service, 365)
    assert months(database) == present
    assert len(present) == 2


def test_the_service_cannot_drop_contents_that_are_not_old(service: psycopg.Connection) -> None:
    for statement in (
        "SELECT keep_inbound_contents(30)",
        "DELETE FROM inbound_contents",
        "UPDATE inbound_contents SET body = ''",
        "TRUNCATE inbound_contents",
    ):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)):
            service.execute(statement.encode())
