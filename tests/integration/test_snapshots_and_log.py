"""A snapshot counts only while the log has the history from which it was taken."""

from __future__ import annotations

import asyncio
import json

import psycopg
import pytest

from harness.commands import NOW, ORIGIN, opening, payment, purchase
from harness.histories import commit, record, store_snapshot, stored_account
from harness.inbound import SUBMITTED, execute
from harness.inbound import payment as payment_body
from harness.postgres import TestDatabase
from harness.verification import tampering
from txplatform.consumers.batch_processor import InboundBatch, process
from txplatform.consumers.parsing import read_message
from txplatform.database import Database
from txplatform.decisions.decider import Decider
from txplatform.decisions.request import AccountView
from txplatform.decisions.snapshot_writer import SnapshotWriter
from txplatform.domain.events import AuthorizationApproved
from txplatform.domain.ids import AccountId, account_stream
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.positions import Move, Position, begin
from txplatform.processing.account_cache import AccountCache
from txplatform.settings import Settings

STREAM = account_stream(AccountId("a"))


def lose_events_after(database: TestDatabase, version: int) -> None:
    """Delete the newest events of every account, as a failover or a restore loses them."""
    with tampering(database) as owner:
        owner.execute("DELETE FROM events WHERE originator_version > %s", (version,))


def snapshot_versions(database: TestDatabase) -> list[int]:
    """Return the versions of the stored snapshots, oldest first."""
    rows = execute(database, "SELECT originator_version FROM snapshots ORDER BY 1")
    return [version for (version,) in rows]


@pytest.fixture
def lost(database: TestDatabase, service: psycopg.Connection) -> TestDatabase:
    """A database with a snapshot of an account at version 3, whose log ends at version 2."""
    record(service, [opening("a", 1000), payment("a", "p", 10), purchase("a", "lost", 500)])
    store_snapshot(service, stored_account(database, "a"))
    lose_events_after(database, 2)
    return database


def decide_and_read(database: TestDatabase) -> AccountView:
    """Decide a purchase of 900 in a new process, and return the account after it."""

    async def ask() -> AccountView:
        settings = Settings(_env_file=None, database_url=database.service_url)
        decider = Decider(settings, Database(database.service_url))
        await decider.start()
        try:
            decided = await decider.submit(purchase("a", "t", 900), origin=ORIGIN)
            assert isinstance(decided.outcome.event, AuthorizationApproved)
            return await decider.read_account(AccountId("a"))
        finally:
            await decider.stop()

    return asyncio.run(ask())


def test_a_snapshot_that_outlived_its_events_is_not_used(lost: TestDatabase) -> None:
    assert snapshot_versions(lost) == [3]
    assert stored_account(lost, "a").version == 2
    view = decide_and_read(lost)
    assert (view.version, view.balance.posted, view.balance.pending) == (3, -10, 900)


def test_a_snapshot_of_a_lost_history_is_not_used_after_other_events_took_its_versions(
    lost: TestDatabase, service: psycopg.Connection
) -> None:
    """Otherwise the account would silently have the lost history."""
    record(service, [purchase("a", "other", 7)])
    assert stored_account(lost, "a").pending == 7
    view = decide_and_read(lost)
    assert (view.version, view.balance.pending) == (4, 907)


def test_a_message_for_an_account_whose_snapshot_outlived_its_events_is_applied(
    lost: TestDatabase, service: psycopg.Connection
) -> None:
    body = json.dumps(payment_body("q", "a", 5)).encode()
    message = ReceivedMessage("cluster", SUBMITTED, "id", 0, 0, None, b"a", (), body)
    begin(service, "cluster", [Position(SUBMITTED, 0, "id", 0)])
    batch = InboundBatch("cluster", [read_message(message)], [Move(SUBMITTED, 0, 0, 1)], NOW)
    (outcome,), _ = process(service, AccountCache(10), batch)
    assert (outcome.status.value, outcome.account_version) == ("applied", 3)
    assert stored_account(lost, "a").posted == -15


def test_an_older_snapshot_is_used_if_the_newest_outlived_its_events(
    lost: TestDatabase, service: psycopg.Connection
) -> None:
    store_snapshot(service, stored_account(lost, "a"))
    assert snapshot_versions(lost) == [2, 3]
    execute(
        lost,
        "UPDATE snapshots SET state = replace(convert_from(state, 'UTF8'), '-10', '-11')::bytea",
    )
    assert stored_account(lost, "a").posted == -11  # the altered number shows that it was used


@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_snapshot_that_waited_during_a_failover_is_not_stored(
    database: TestDatabase, service: psycopg.Connection, others: int
) -> None:
    """The log lost the event at its version, whether or not it has another one there now."""

    async def store_later() -> None:
        writer = SnapshotWriter(Database(database.service_url), every=3)
        writer.offer(work.accounts, work.events)
        lose_events_after(database, 2)
        record(service, [payment("a", f"other-{number}", 1) for number in range(others)])
        writer.stop()
        await writer.run()

    work = commit(service, [opening("a", 1000), payment("a", "p", 10), purchase("a", "lost", 500)])
    asyncio.run(store_later())
    assert snapshot_versions(database) == []


def test_waiting_snapshots_are_dropped_when_a_lane_starts_over(
    database: TestDatabase, service: psycopg.Connection
) -> None:

    async def forget() -> None:
        writer = SnapshotWriter(Database(database.service_url), every=2)
        writer.offer(work.accounts, work.events)
        writer.forget()
        writer.stop()
        await writer.run()

    work = commit(service, [opening("a", 1000), payment("a", "p", 10)])
    asyncio.run(forget())
    assert snapshot_versions(database) == []


def test_only_the_newest_two_snapshots_of_an_account_are_kept(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Those of other accounts stay."""
    record(service, [opening("b", 1000)])
    store_snapshot(service, stored_account(database, "b"))
    record(service, [opening("a", 1000)])
    for number in range(5):
        record(service, [payment("a", f"p-{number}", 1)])
        store_snapshot(service, stored_account(database, "a"))
    rows = execute(
        database, "SELECT originator_id, originator_version FROM snapshots ORDER BY 1, 2"
    )
    assert rows == [("account-a", 5), ("account-a", 6), ("account-b", 1)]


@pytest.mark.parametrize(
    "statement", ["INSERT INTO snapshots DEFAULT VALUES", "DELETE FROM snapshots"]
)
def test_the_service_can_change_snapshots_only_by_the_function(
    service: psycopg.Connection, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute(statement.encode())
