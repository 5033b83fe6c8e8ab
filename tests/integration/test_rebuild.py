"""Read models and snapshots are rebuilt from the log next to the live ones, and then swapped."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable

import psycopg
import pytest

from harness.commands import limit_change, opening, payment, purchase
from harness.histories import record, stored_account
from harness.inbound import execute
from harness.postgres import TestDatabase
from harness.processes import Command, run_command
from harness.read_models import catch_up, second_read_model
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.domain.ids import AccountId
from txplatform.eventstore.log import last_position
from txplatform.eventstore.snapshot import SNAPSHOT_TOPIC
from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import Projection, checkpoint_of
from txplatform.projections.rebuild import RebuildError, rebuild
from txplatform.projections.snapshots import retake_snapshots
from txplatform.projections.transaction_list import list_transactions
from txplatform.projections.transactions import TRANSACTIONS

SHAPE = """
SELECT relname, pg_get_indexdef(indexrelid) AS definition FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = ANY (%(tables)s::regclass[])
UNION ALL
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = ANY (%(tables)s::regclass[])
UNION ALL
SELECT relname, coalesce(relacl::text, '') || coalesce(obj_description(oid, 'pg_class'), '')
FROM pg_class WHERE oid = ANY (%(tables)s::regclass[])
ORDER BY 1, 2
"""

WAITING_SWAPS = """
SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted
"""


def some_history(connection: psycopg.Connection, accounts: int = 5, purchases: int = 12) -> None:
    """Record accounts with approved and declined purchases, a payment and a limit."""
    for number in range(accounts):
        name = f"acc-{number}"
        record(connection, [payment(name, "early", 5), opening(name, 500)])
        record(connection, [purchase(name, f"t{n}", 60) for n in range(purchases)])
        record(connection, [limit_change(name, 1, 900), payment(name, "p", 100)])


def rebuilt_the_same(database: TestDatabase) -> bool:
    """Rebuild every read model; return True if none changed."""
    owner = Database(database.owner_url)
    return all(rebuild(owner, projection).same for projection in PROJECTIONS)


def shape(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """Return the indexes, constraints, grants and comments of the read models."""
    tables = [projection.table for projection in PROJECTIONS]
    return connection.execute(SHAPE, {"tables": tables}).fetchall()


def rows(connection: psycopg.Connection, projection: Projection) -> list[tuple[str, ...]]:
    """Return every row of a read model."""
    statement = f"SELECT t::text FROM {projection.table} t ORDER BY 1"
    return connection.execute(statement.encode()).fetchall()


def contents(connection: psycopg.Connection) -> list[tuple[str, ...]]:
    """Return every row of every read model."""
    return [row for projection in PROJECTIONS for row in rows(connection, projection)]


def test_i1_a_rebuild_gives_the_same_rows_in_a_table_of_the_same_shape_every_time(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Two rebuilds would reveal names left over from the first."""
    some_history(service)
    catch_up(service)
    before_rows, before_shape = contents(service), shape(service)
    for _ in range(2):
        for projection in PROJECTIONS:
            rebuilt = rebuild(Database(database.owner_url), projection)
            assert rebuilt.same
            assert rebuilt.compared_at == rebuilt.position == last_position(service)
        assert contents(service) == before_rows
        assert shape(service) == before_shape
    assert before_rows
    some_history(service, accounts=7)  # the service may still write
    catch_up(service)


def test_a_rebuild_corrects_a_wrong_row_and_reports_a_difference(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    some_history(service, accounts=1)
    catch_up(service)
    right = contents(service)
    service.execute("UPDATE transactions SET held = held + 1 WHERE transaction_id = 't1'")
    rebuilt = rebuild(Database(database.owner_url), TRANSACTIONS)
    assert not rebuilt.same
    assert rebuilt.after["held"] == rebuilt.before["held"] - 1
    assert contents(service) == right


def test_a_rebuild_reads_to_the_log_s_end_even_if_the_live_read_model_lags(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Rows are compared as of the live checkpoint, which may be 0."""
    some_history(service)
    rebuilt = rebuild(Database(database.owner_url), TRANSACTIONS)
    assert rebuilt.same
    assert rebuilt.compared_at == 0
    assert rebuilt.position == last_position(service)
    assert rebuilt.position == checkpoint_of("transactions").read(service)
    before = rows(service, TRANSACTIONS)
    assert len(before) == 60
    catch_up(service)
    assert rows(service, TRANSACTIONS) == before


def test_a_table_left_behind_by_a_killed_rebuild_is_dropped(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    some_history(service, accounts=1)
    catch_up(service)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE transactions_next (LIKE transactions INCLUDING ALL)")
        owner.execute("INSERT INTO transactions_next SELECT * FROM transactions")
    assert rebuild(Database(database.owner_url), TRANSACTIONS).same
    row = service.execute("SELECT to_regclass('transactions_next')").fetchone()
    assert row == (None,)


def test_a_second_rebuild_of_the_same_read_model_is_refused(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Another read model can be rebuilt at the same time."""
    some_history(service, accounts=1)
    with psycopg.connect(database.owner_url) as owner:
        second = second_read_model(owner)
    refused = []

    def meet(_: int) -> None:
        with pytest.raises(RebuildError):
            rebuild(Database(database.owner_url), TRANSACTIONS)
        refused.append(rebuild(Database(database.owner_url), second).same)

    rebuild(Database(database.owner_url), TRANSACTIONS, meet)
    assert refused
    assert all(refused)


class ForwardReader:
    """Reads a list repeatedly and checks that it never goes back in time."""

    def __init__(self) -> None:
        self.newest = self.position = 0

    def read(self, connection: psycopg.Connection) -> None:
        page = list_transactions(connection, AccountId("acc-0"), limit=5)
        newest = page.items[0].account_version if page.items else 0
        assert newest >= self.newest
        assert page.as_of_position >= self.position
        self.newest, self.position = newest, page.as_of_position


@pytest.mark.long
def test_reads_writes_and_the_projector_continue_during_rebuilds(
    database: TestDatabase, service: psycopg.Connection, service_env: dict[str, str]
) -> None:
    """No read fails or goes back in time, and no row is lost or doubled by a swap."""
    some_history(service)
    stop = threading.Event()
    failures: list[BaseException] = []

    def working(work: Callable[[psycopg.Connection], None]) -> threading.Thread:
        def run() -> None:
            try:
                with Database(database.service_url).connect() as connection:
                    while not stop.is_set():
                        work(connection)
            except BaseException as error:  # noqa: BLE001  # the test reports it
                failures.append(error)

        return threading.Thread(target=run)

    numbers = itertools.count()

    def write(connection: psycopg.Connection) -> None:
        record(connection, [purchase("acc-0", f"more-{next(numbers)}", 1)])

    threads = [working(write), working(ForwardReader().read), working(ForwardReader().read)]
    with Command("project", env=service_env) as projector:
        projector.wait_ready()
        wait_until(lambda: list_transactions(service, AccountId("acc-0"), limit=1).items)
        for thread in threads:
            thread.start()
        for _ in range(3):
            assert rebuilt_the_same(database)
        stop.set()
        for thread in threads:
            thread.join(10)
        assert failures == []
        # Holds may expire meanwhile, which moves the log's end.
        wait_until(
            lambda: (
                {checkpoint_of(each.name).read(service) for each in PROJECTIONS}
                == {last_position(service)}
            )
        )
        assert projector.stop() == 0
    assert rebuilt_the_same(database)


def test_a_long_read_delays_the_swap_and_is_not_disturbed(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The swap releases its lock request and retries."""
    some_history(service, accounts=1)
    done = threading.Event()

    def rebuild_and_tell() -> None:
        rebuild(Database(database.owner_url), TRANSACTIONS)
        done.set()

    with (
        psycopg.connect(database.owner_url) as reader,  # without idle timeout
        reader.transaction(),
    ):
        list_transactions(reader, AccountId("acc-0"), limit=1)  # holds its lock until the end
        thread = threading.Thread(target=rebuild_and_tell)
        thread.start()
        with Database(database.service_url).connect() as other:
            waiting = (
                "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"
            )
            wait_until(lambda: other.execute(waiting).fetchone() == (1,))
            wait_until(lambda: other.execute(waiting).fetchone() == (0,))
            list_transactions(other, AccountId("acc-0"), limit=1)
        assert not done.is_set()
    thread.join(60)
    assert done.is_set()


def test_snapshots_are_replaced_for_accounts_with_enough_events(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Old snapshots and snapshots of accounts without events are deleted."""
    some_history(service, accounts=2)
    record(service, [opening("small")])
    execute(
        database,
        "INSERT INTO snapshots (originator_id, originator_version, topic, state)"
        " VALUES ('account-ghost', 3, %s, '{}'), ('account-small', 1, 'account@0', '{}')",
        SNAPSHOT_TOPIC,
    )
    assert retake_snapshots(Database(database.owner_url), every=10) == 2
    rows = service.execute("SELECT originator_id FROM snapshots ORDER BY 1").fetchall()
    assert rows == [("account-acc-0",), ("account-acc-1",)]
    account = stored_account(database, "acc-1")
    assert (account.posted, account.credit_limit) == (-105, 900)


def test_rebuild_all_prints_the_same_figures_before_and_after(
    database: TestDatabase, service: psycopg.Connection, service_env: dict[str, str]
) -> None:
    """If the live table was wrong, the exit code is 1 the first time and then 0."""
    some_history(service)
    catch_up(service)
    env = {**service_env, "TXPLATFORM_SNAPSHOT_EVERY_EVENTS": "10"}
    code, out, err = run_command("rebuild", "--all", "--json", env=env)
    assert code == 0, err
    *read_models, snapshots = map(json.loads, out.splitlines())
    assert [each["name"] for each in read_models] == [each.name for each in PROJECTIONS]
    assert all(each["before"] == each["after"] for each in read_models)
    after = {each["name"]: each["after"] for each in read_models}
    pending = sum(stored_account(database, f"acc-{number}").pending for number in range(5))
    assert after["transactions"]["held"] == pending > 0
    assert after["transactions"]["transactions"] == 60
    assert snapshots == {"snapshots": 5}
    assert "rebuild transactions: " in err
    service.execute("UPDATE transactions SET held = 1 WHERE account_id = 'acc-1'")
    code, out, _ = run_command("rebuild", "transactions", env=env)
    assert code == 1
    assert "NOT the same" in out
    assert run_command("rebuild", "transactions", env=env)[0] == 0


def test_rebuild_of_an_unknown_read_model_exits_2(service_env: dict[str, str]) -> None:
    assert run_command("rebuild", env=service_env)[0] == 2
    assert run_command("rebuild", "nonsense", env=service_env)[0] == 2
    assert run_command("rebuild", "--all", "transactions", env=service_env)[0] == 2
