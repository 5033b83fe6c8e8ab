"""A consumer's decisions are correct even if its cached accounts are stale."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from harness.commands import opening, purchase, refund, reversal
from harness.commands import payment as payment_of
from harness.histories import record, stored_account
from harness.inbound import (
    execute,
    opened,
    payment,
    posted,
    presentment,
)
from harness.members import Member
from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.positions import FencedError

APPENDS_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event = 'advisory' AND query LIKE '%%append_events%%' AND datname = current_database()
"""


@pytest.fixture
def one(database: TestDatabase) -> Iterator[Member]:
    """Return a member of the group."""
    with Database(database.service_url).connect() as connection:
        yield Member(connection)


@pytest.fixture
def other(database: TestDatabase) -> Iterator[Member]:
    """Return another member."""
    with Database(database.service_url).connect() as connection:
        yield Member(connection)


def versions(database: TestDatabase, account_id: str) -> list[int]:
    """Return the versions of the account's events, in order."""
    rows = execute(
        database,
        "SELECT originator_version FROM events WHERE originator_id = %s ORDER BY position",
        f"account-{account_id}",
    )
    return [version for (version,) in rows]


def test_i1_events_appended_by_others_are_read(
    database: TestDatabase, one: Member, other: Member
) -> None:
    """A stale cached account is brought up to date, even for a duplicate."""
    assert one.apply(opened("acc-1"), payment("p-1", "acc-1", 1)) == ["applied", "applied"]
    assert other.apply(payment("p-2", "acc-1", 10)) == ["applied"]
    assert one.version_cached("acc-1") == 2
    assert one.apply(payment("p-2", "acc-1", 10), payment("p-3", "acc-1", 100)) == [
        "duplicate",
        "applied",
    ]
    assert one.version_cached("acc-1") == 4
    assert posted(database, "acc-1") == -111
    assert versions(database, "acc-1") == [1, 2, 3, 4]


def test_i3_only_accounts_with_a_conflict_are_decided_again(
    database: TestDatabase, one: Member, other: Member
) -> None:
    """Another process appends to one of two accounts after both were read."""
    one.apply(opened("acc-1"), opened("acc-2"))
    messages = [
        payment("p-1", "acc-1", 1),
        payment("p-2", "acc-2", 10),
        payment("p-3", "acc-1", 100),
    ]
    with ThreadPoolExecutor(1) as thread:
        with other.connection.transaction():
            other.connection.execute(LOCK_LOG)
            applied = thread.submit(one.apply, *messages)
            wait_until(lambda: execute(database, APPENDS_WAITING) == [(1,)])
            other.apply(payment("p-1", "acc-1", 1), payment("p-other", "acc-1", 1000))
        assert applied.result() == ["duplicate", "applied", "applied"]
    assert one.apply(payment("p-4", "acc-1", 5)) == ["applied"]
    assert posted(database, "acc-1") == -1106
    assert posted(database, "acc-2") == -10
    assert versions(database, "acc-1") == [1, 2, 3, 4, 5]
    assert versions(database, "acc-2") == [1, 2]
    named = execute(
        database,
        """SELECT count(*) FROM inbound_messages m
        JOIN events e ON e.originator_id = 'account-' || m.account_id
            AND e.originator_version = m.account_version AND e.event_key = m.business_key
        WHERE position(m.event_id IN convert_from(e.state, 'UTF8')) > 0""",
    )
    assert named == [(2 + 2 + 3 + 1,)]  # each row of the inbox names a stored event


def test_i3_copies_in_one_batch_have_one_effect(database: TestDatabase, one: Member) -> None:
    """Later messages see the effects of earlier messages in their batch, without a conflict."""
    first, second, third = (payment(f"p-{n}", "acc-1", 10**n) for n in range(3))
    body = opened("acc-1")
    assert one.apply(first, second, first, body, body, first, second) == [
        *("waiting", "waiting", "duplicate"),
        *("applied", "duplicate", "duplicate", "duplicate"),
    ]
    assert one.apply(first, third, third) == ["duplicate", "applied", "duplicate"]
    assert posted(database, "acc-1") == -111


def test_a_message_is_rejected_alike_on_a_cached_account(
    database: TestDatabase, one: Member
) -> None:
    """Its key is looked up before the rejection, and a copy is not parked again."""
    one.apply(opened("acc-1"), payment("p-1", "acc-1", 1))
    in_euros = payment("p-1", "acc-1", 1, currency="EUR")
    assert one.apply(in_euros, in_euros) == ["parked", "duplicate"]
    assert one.apply(in_euros) == ["duplicate"]
    reasons = execute(database, "SELECT DISTINCT reason FROM inbound_messages WHERE id > 2")
    assert reasons == [("conflicting_copy",)]
    assert versions(database, "acc-1") == [1, 2]


def test_i2_accounts_of_a_rolled_back_batch_are_not_cached(
    database: TestDatabase, one: Member
) -> None:
    """A fenced batch recorded events, which no cached account may keep."""
    one.apply(opened("acc-1"), payment("p-1", "acc-1", 1))
    with pytest.raises(FencedError):
        one.apply(payment("p-2", "acc-1", 10), expected=77)
    assert one.version_cached("acc-1") is None
    assert one.apply(payment("p-2", "acc-1", 10), payment("p-3", "acc-1", 100)) == [
        "applied",
        "applied",
    ]
    assert posted(database, "acc-1") == -111
    assert versions(database, "acc-1") == [1, 2, 3, 4]


def test_i7_a_cached_account_ahead_of_the_log_conflicts(
    database: TestDatabase, one: Member
) -> None:
    """After a failover the log may lack the last commits."""
    one.apply(opened("acc-1"))
    account = one.cached.take(account_stream(AccountId("acc-1")))
    assert account is not None
    account.version += 3  # simulates lost commits
    account.posted = -999
    one.cached.keep([account])
    assert one.apply(payment("p-1", "acc-1", 1)) == ["applied"]
    assert posted(database, "acc-1") == -1
    assert versions(database, "acc-1") == [1, 2]
    assert one.version_cached("acc-1") == 2


def test_rows_appended_by_others_are_never_folded_onto_uncommitted_events(
    database: TestDatabase, one: Member, service: psycopg.Connection
) -> None:
    """A rejected message looks its account up, which already has a new event of the batch.

    Meanwhile other processes appended. Their reversal releases a hold that the new event of the
    batch has released too.
    """
    record(service, [opening("acc-1"), purchase("acc-1", "tx", 50), payment_of("acc-1", "p-1", 5)])
    assert one.apply(payment("p-2", "acc-1", 1)) == ["applied"]  # caches the account
    record(service, [refund("acc-1", None, "r-1", 7), reversal("acc-1", "tx", "v-1")])
    assert one.apply(
        presentment("c-1", 50), payment("p-1", "acc-1", 6), payment("p-3", "acc-1", 2)
    ) == ["applied", "parked", "applied"]
    account = stored_account(database, "acc-1")
    assert (account.posted, account.pending) == (50 - 5 - 1 - 7 - 2, 0)
    assert versions(database, "acc-1") == [*range(1, 9)]
