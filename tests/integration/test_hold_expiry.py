"""Holds that are due expire, each once, despite lags, faults and other expirers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from harness.commands import clearing, expiry, increment, opening, payment, purchase, reversal
from harness.histories import read_whole_log, record
from harness.parts import running
from harness.plans import plan_nodes
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import Command
from harness.read_models import catch_up, transaction_rows
from harness.waiting import wait_until
from txplatform.audit.verify import verify
from txplatform.database import Database
from txplatform.domain.cause import PartCause
from txplatform.domain.events import HoldExpired
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.expiry.runner import HoldExpirer
from txplatform.projections.due_holds import BEFORE_ALL, DUE, DueHold, due_holds
from txplatform.settings import Settings

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=100)

WAITS_FOR_THE_LOG = """
SELECT pid FROM pg_stat_activity
WHERE wait_event = 'advisory' AND query LIKE '%append_events%' AND datname = current_database()
"""


@contextmanager
def expiring(
    url: str, registry: CollectorRegistry | None = None, **options: int
) -> Iterator[HoldExpirer]:
    """Run a hold expirer, which must stop within its time."""
    settings = Settings(database_url=SecretStr(url), snapshot_every_events=3)
    # The tests hold the log's lock for long; waiting for it must not time out.
    database = Database(url, lock_timeout_s=60, statement_timeout_s=60)
    expirer = HoldExpirer(settings, database, registry or CollectorRegistry(), **options)
    with running(expirer):
        yield expirer


def expired(connection: psycopg.Connection) -> list[tuple[AccountId, TransactionId]]:
    """Return the transactions of expired holds in the log's order, duplicates included."""
    return [
        (account_of(logged.event.originator_id), logged.event.transaction)
        for logged in read_whole_log(connection)
        if isinstance(logged.event, HoldExpired)
    ]


def open_holds(connection: psycopg.Connection) -> list[tuple[AccountId, TransactionId, int]]:
    """Return account, transaction and amount of every hold in the read model."""
    rows = transaction_rows(connection)
    return sorted((row.account_id, row.transaction_id, row.held) for row in rows if row.held)


def wait_for(connection: psycopg.Connection, *holds: tuple[str, str]) -> None:
    """Wait until exactly these holds have expired."""
    wait_until(lambda: len(expired(connection)) >= len(holds))
    assert sorted(expired(connection)) == sorted(holds)


def assert_verified(database: TestDatabase) -> None:
    """Check that everything derived matches the log."""
    result = verify(Database(database.service_url))
    assert result.passed, result.differences.kept


def metric(registry: CollectorRegistry, name: str) -> float:
    """The value of a metric."""
    value = registry.get_sample_value(name)
    assert value is not None
    return value


def many_due(connection: psycopg.Connection, accounts: int, each: int) -> list[tuple[str, str]]:
    """Create accounts with `each` due holds, and fold the accounts."""
    holds = [(f"acc-{a}", f"t{n}") for a in range(accounts) for n in range(each)]
    record(connection, [opening(f"acc-{a}") for a in range(accounts)], begin=LONG_AGO)
    record(connection, [purchase(*hold, 5) for hold in holds], begin=LONG_AGO)
    catch_up(connection)
    return holds


def test_only_holds_that_are_due_expire(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """If a hold was raised and partly cleared, the rest expires."""
    record(service, [opening("a"), opening("b"), payment("early", "p", 1)], begin=LONG_AGO)
    record(
        service,
        [
            *(purchase("a", f"t{n}", 100) for n in range(4)),
            purchase("a", "verification", 0),
            purchase("b", "t0", 70),
        ],
        begin=LONG_AGO,
    )
    record(
        service,
        [
            increment("a", "t0", "i", 30),
            clearing("a", "t0", "c0", 10, final=False),
            clearing("a", "t1", "c1", 100),
            reversal("a", "t2", "r2"),
        ],
        begin=LONG_AGO,
    )
    record(service, [purchase("a", "young", 9), purchase("b", "young", 9)], begin=NOW)
    catch_up(service)
    registry = CollectorRegistry()
    with expiring(database.service_url, registry) as expirer:
        wait_for(service, ("a", "t0"), ("a", "t3"), ("b", "t0"))
        wait_until(lambda: expirer.health().ready)
    catch_up(service)
    assert_verified(database)
    assert open_holds(service) == [("a", "young", 9), ("b", "young", 9)]
    ended = [
        logged.event for logged in read_whole_log(service) if isinstance(logged.event, HoldExpired)
    ]
    assert {event.caused_by for event in ended} == {PartCause("hold expiry")}
    released = {
        (account_of(event.originator_id), event.transaction): event.released for event in ended
    }
    assert released == {("a", "t0"): 120, ("a", "t3"): 100, ("b", "t0"): 70}
    assert metric(registry, "txplatform_holds_expired_total") == 3
    assert metric(registry, "txplatform_hold_expiry_lag_seconds") == 0


def test_i3_holds_that_ended_while_the_read_model_lags_are_skipped_and_block_no_other(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The holds were cleared, reversed or expired; each is in its own batch."""
    record(service, [opening("a")], begin=LONG_AGO)
    record(service, [purchase("a", f"t{n}", 10) for n in range(5)], begin=LONG_AGO)
    catch_up(service)
    record(service, [clearing("a", "t0", "c", 10), reversal("a", "t1", "r")], begin=NOW)
    record(service, [expiry("a", "t2")], begin=NOW)
    with expiring(database.service_url, batch_holds=1):
        wait_for(service, ("a", "t2"), ("a", "t3"), ("a", "t4"))
    assert len(open_holds(service)) == 5
    catch_up(service)
    assert open_holds(service) == []
    assert_verified(database)


def test_handled_holds_are_not_read_again_while_the_read_model_lags(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Searches continue without reading the log, and newly due holds expire."""
    many_due(service, accounts=2, each=3)
    record(service, [reversal("acc-0", "t0", "r")], begin=NOW)
    with (
        expiring(database.service_url),
        psycopg.connect(database.owner_url, autocommit=True) as owner,
    ):
        wait_until(lambda: len(expired(service)) == 5)
        # The search after the expiry begins once the snapshots, which need the log, are stored.
        searched_since = (
            "SELECT FROM pg_stat_activity"
            " WHERE query LIKE '%FROM transactions%' AND pid <> pg_backend_pid()"
            " AND datname = current_database()"
            " AND query_start > (SELECT max(recorded_at) FROM events)"
        )
        wait_until(lambda: owner.execute(searched_since).fetchone() is not None)
        passes = (
            "SELECT query_start FROM pg_stat_activity"
            " WHERE query LIKE '%FROM transactions%' AND pid <> pg_backend_pid()"
            " AND query_start > now() AND datname = current_database()"
        )
        with owner.transaction():
            owner.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            seen: set[object] = set()

            def passed_twice() -> bool:
                owner.execute("SELECT pg_stat_clear_snapshot()")
                seen.update(owner.execute(passes).fetchall())
                return len(seen) >= 2

            wait_until(passed_twice)
        record(service, [opening("acc-9"), purchase("acc-9", "more", 5)], begin=LONG_AGO)
        catch_up(service)
        wait_until(lambda: ("acc-9", "more") in expired(service))
    assert len(expired(service)) == 6


def test_i3_two_expirers_at_once_expire_each_hold_once(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """If both expire holds of one account, one append conflicts."""
    holds = many_due(service, accounts=20, each=10)
    registries = [CollectorRegistry(), CollectorRegistry()]
    with (
        expiring(database.service_url, registries[0], batch_holds=7) as one,
        expiring(database.service_url, registries[1], batch_holds=11) as two,
    ):
        wait_for(service, *holds)
        wait_until(lambda: one.health().ready)
        wait_until(lambda: two.health().ready)
    assert sorted(expired(service)) == sorted(holds)
    assert sum(metric(each, "txplatform_holds_expired_total") for each in registries) == 200
    catch_up(service)
    assert_verified(database)


def test_holds_of_an_account_that_changes_before_the_append_are_retried(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Holds of other accounts expire at once."""
    many_due(service, accounts=3, each=1)
    with expiring(database.service_url):
        with service.transaction():
            service.execute(LOCK_LOG)
            with Database(database.service_url).connect() as other:
                wait_until(lambda: other.execute(WAITS_FOR_THE_LOG).fetchone())
            record(service, [payment("acc-1", "p", 1)])
        wait_for(service, ("acc-0", "t0"), ("acc-1", "t0"), ("acc-2", "t0"))
    assert expired(service)[-1] == ("acc-1", "t0")


def test_i3_an_expirer_killed_during_a_commit_loses_nothing_and_expires_nothing_twice(
    database: TestDatabase, service: psycopg.Connection, service_env: dict[str, str]
) -> None:
    """The append may or may not succeed; the next process finds out."""
    holds = many_due(service, accounts=30, each=20)
    # The process may take longer to start than the idle transaction timeout.
    service.execute("SET idle_in_transaction_session_timeout = 0")
    with Command("project", env=service_env) as process:
        with service.transaction():
            service.execute(LOCK_LOG)
            process.wait_ready()
            with Database(database.service_url).connect() as other:
                wait_until(lambda: other.execute(WAITS_FOR_THE_LOG).fetchone())
            process.kill()
        process.start().wait_ready()
        assert "hold expirer" in process.stderr
        wait_for(service, *holds)
        wait_until(lambda: open_holds(service) == [])
        assert process.stop() == 0
    catch_up(service)
    assert_verified(database)


def test_i8_an_append_that_is_rolled_back_is_retried(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The server ends the session; the expirer reconnects by itself."""
    holds = many_due(service, accounts=3, each=3)
    with (
        psycopg.connect(database.owner_url, autocommit=True) as owner,
        expiring(database.service_url) as expirer,
    ):
        with service.transaction():
            service.execute(LOCK_LOG)
            waiting = wait_until(lambda: owner.execute(WAITS_FOR_THE_LOG).fetchone())
            owner.execute("SELECT pg_terminate_backend(%s)", waiting)
            wait_until(lambda: owner.execute(WAITS_FOR_THE_LOG).fetchone() not in (None, waiting))
            assert expired(service) == []
        wait_for(service, *holds)
        wait_until(lambda: expirer.health().ready)


@pytest.mark.long
def test_i8_an_expirer_recovers_from_a_database_outage(own_postgres: PostgresServer) -> None:
    """During the outage it is not ready. Afterwards all due holds expire without intervention."""
    url = own_postgres.new_database().service_url
    with expiring(url) as expirer:
        wait_until(lambda: expirer.health().ready)
        own_postgres.kill()
        wait_until(lambda: not expirer.health().ready)
        own_postgres.start()
        with Database(url).connect() as connection:
            holds = many_due(connection, accounts=1, each=1)
            wait_for(connection, *holds)
        wait_until(lambda: expirer.health().ready)


def test_the_lag_shows_overdue_holds_until_they_expire(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Here the log cannot be read for a time."""
    many_due(service, accounts=1, each=1)
    registry = CollectorRegistry()
    lag = "txplatform_hold_expiry_lag_seconds"
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        with expiring(database.service_url, registry):
            wait_until(lambda: metric(registry, lag) > 0)
            owner.commit()
            wait_until(lambda: metric(registry, lag) == 0)
            assert expired(service) == [("acc-0", "t0")]


def test_i8_an_expiry_lost_in_a_failover_is_repeated(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """A standby server may lack the last commits of the primary."""
    many_due(service, accounts=1, each=2)  # too few for a snapshot
    with (
        expiring(database.service_url),
        psycopg.connect(database.owner_url, autocommit=True) as owner,
    ):
        wait_until(lambda: len(expired(service)) == 2)
        owner.execute("ALTER TABLE events DISABLE TRIGGER USER")
        owner.execute(f"DELETE FROM events WHERE topic = '{HoldExpired.TOPIC}'".encode())
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE '%FROM transactions%'"
            " AND pid <> pg_backend_pid()"
        )
        wait_until(lambda: len(expired(service)) == 2)


def test_i8_an_expirer_waits_for_a_missing_table(database: TestDatabase) -> None:
    """A newer version may run before `txplatform migrate`."""
    with (
        psycopg.connect(database.owner_url, autocommit=True) as owner,
        expiring(database.service_url) as expirer,
    ):
        owner.execute("ALTER TABLE transactions RENAME TO lost")
        wait_until(lambda: not expirer.health().ready and "transactions" in expirer.health().detail)
        owner.execute("ALTER TABLE lost RENAME TO transactions")
        wait_until(lambda: expirer.health().ready)


def test_an_account_that_cannot_be_read_holds_up_no_other(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The expirer is not ready, and its health names the account."""
    many_due(service, accounts=3, each=2)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE events DISABLE TRIGGER USER")
        owner.execute(
            "UPDATE events SET state = 'no json'"
            " WHERE originator_id = 'account-acc-1' AND originator_version = 1"
        )
    with expiring(database.service_url) as expirer:
        wait_until(lambda: "acc-1" in expirer.health().detail)
        assert not expirer.health().ready
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        ended = owner.execute(
            "SELECT originator_id, count(*) FROM events WHERE topic = 'hold-expired' GROUP BY 1"
        ).fetchall()
    assert sorted(ended) == [("account-acc-0", 2), ("account-acc-2", 2)]


def test_an_account_is_snapshotted_if_an_expiry_is_the_event_that_is_due(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Here, every third event is due for a snapshot."""
    many_due(service, accounts=1, each=1)
    with expiring(database.service_url):
        wait_until(
            lambda: service.execute("SELECT originator_version FROM snapshots").fetchall() == [(3,)]
        )
    assert_verified(database)


OPEN, RELEASED, OVERDUE = 150_000, 10_000, 450

INSERT = """
INSERT INTO transactions
    (account_id, transaction_id, account_version, recorded_at, held, expires_at)
"""


@pytest.fixture
def full(database: TestDatabase) -> psycopg.Connection:
    """A table without statistics, with many transactions, of which few have a hold that is due."""
    connection = Database(database.service_url).connect()
    connection.execute(
        f"{INSERT} SELECT 'acc-' || n %% 50000, 't' || n, n, now(), 5,"
        " CASE WHEN n %% 7 > 0 THEN now() + '1 day' + n * interval '1 second' END"
        " FROM generate_series(1, %s) n",
        (OPEN,),
    )
    for name, held, rows in (("released", 0, RELEASED), ("due", 5, OVERDUE)):
        connection.execute(
            f"{INSERT} SELECT %s || n, %s || n, 1, now(), %s, now() - n * interval '1 second'"
            " FROM generate_series(1, %s) n",
            (name, name, held, rows),
        )
    return connection


@pytest.mark.parametrize("analyzed", [False, True])
def test_the_query_reads_only_the_rows_that_are_due(
    database: TestDatabase, full: psycopg.Connection, *, analyzed: bool
) -> None:
    """Each page continues after the previous page."""
    if analyzed:
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            owner.execute("ANALYZE transactions")
    found: list[DueHold] = []
    after = BEFORE_ALL
    with full:
        for expected in (200, 200, 50, 0):
            explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + DUE
            now = datetime.now(UTC)
            row = full.execute(explain.encode(), (now, *after, 200)).fetchone()
            assert row is not None
            nodes = plan_nodes(row[0][0]["Plan"])
            assert [node["Node Type"] for node in nodes] in (
                ["Limit", "Index Scan"],
                ["Limit", "Index Only Scan"],
            )
            scan = nodes[-1]
            assert "expires_at" in scan["Index Name"]
            assert "Filter" not in scan
            assert scan["Actual Rows"] == expected
            assert scan["Shared Hit Blocks"] + scan["Shared Read Blocks"] < 40 + 2 * expected
            due = due_holds(full, now, limit=200, after=after)
            assert len(due) == expected
            if due:
                found += due
                after = due[-1]
    assert [hold.transaction_id for hold in found] == [f"due{n}" for n in range(OVERDUE, 0, -1)]
