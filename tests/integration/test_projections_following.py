"""Read models follow the log: rows, checkpoints, several projectors and faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from harness.commands import (
    limit_change,
    opening,
    operator_status,
    payment,
    payment_return,
    purchase,
    reversal,
    team_status,
)
from harness.histories import record
from harness.parts import running
from harness.postgres import PostgresServer, TestDatabase
from harness.read_models import catch_up, get_account
from harness.waiting import wait_until
from txplatform.contracts.cursors import InvalidCursorError
from txplatform.database import Database
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.eventstore.log import last_position
from txplatform.following.checkpoint import CheckpointError
from txplatform.projections import PROJECTIONS
from txplatform.projections.directory import list_accounts
from txplatform.projections.open_holds import OPEN_HOLDS
from txplatform.projections.projection import checkpoint_of
from txplatform.projections.runner import Projector, project_batch
from txplatform.projections.transactions import get_transaction, list_transactions
from txplatform.settings import Settings

ACCOUNT = AccountId("acc")


@contextmanager
def projecting(url: str, registry: CollectorRegistry | None = None) -> Iterator[Projector]:
    """Run a projector and check that it stops in time."""
    settings = Settings(database_url=SecretStr(url))
    projector = Projector(settings, Database(url), registry or CollectorRegistry())
    with running(projector):
        yield projector


def test_a_page_is_newest_first_and_has_the_position_up_to_which_it_is_complete(
    service: psycopg.Connection,
) -> None:
    record(service, [opening("acc"), *(purchase("acc", f"t{n}", n) for n in range(1, 4))])
    catch_up(service, 3)
    folded = last_position(service)
    record(service, [purchase("acc", "t4", 4)])
    page = list_transactions(service, ACCOUNT, limit=10)
    assert [item.transaction_id for item in page.items] == ["t3", "t2", "t1"]
    assert page.next_cursor is None
    assert page.as_of_position == folded < last_position(service)


def test_pages_follow_each_other_without_gap_or_overlap_while_transactions_come_in(
    service: psycopg.Connection,
) -> None:
    """A cursor is an account version, so newer transactions do not shift the pages."""
    record(service, [opening("acc"), *(purchase("acc", f"t{n}", 1) for n in range(7))])
    catch_up(service, 3)
    first = list_transactions(service, ACCOUNT, limit=3)
    record(service, [purchase("acc", "later", 1)])
    catch_up(service, 3)
    second = list_transactions(service, ACCOUNT, limit=3, cursor=first.next_cursor)
    third = list_transactions(service, ACCOUNT, limit=3, cursor=second.next_cursor)
    ids = [item.transaction_id for page in (first, second, third) for item in page.items]
    assert ids == [f"t{n}" for n in reversed(range(7))]
    assert third.next_cursor is None


@pytest.mark.parametrize(
    "cursor", ["", "!", "é", "MA", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk", "x" * 99]
)
def test_a_cursor_that_is_not_from_a_page_is_refused_with_a_reason(
    service: psycopg.Connection, cursor: str
) -> None:
    with pytest.raises(InvalidCursorError) as raised:
        list_transactions(service, ACCOUNT, limit=3, cursor=cursor)
    assert raised.value.reason


def test_a_transaction_has_its_request_and_its_decision(
    service: psycopg.Connection,
) -> None:
    """A decline has its reasons and the balance on which it was judged."""
    record(service, [purchase("acc", "early", 5), opening("acc", 100), purchase("acc", "t", 101)])
    catch_up(service, 3)
    early = get_transaction(service, ACCOUNT, TransactionId("early"))
    declined = get_transaction(service, ACCOUNT, TransactionId("t"))
    assert early is not None
    assert declined is not None
    assert (early.response_code, early.balance) == ("14", None)
    assert declined.decision == "declined"
    assert [(each.code, each.observed, each.limit) for each in declined.reasons] == [
        ("insufficient_credit", 101, 100)
    ]
    assert declined.balance is not None
    assert declined.balance.available == 100
    assert [event.type for event in declined.events] == ["authorization-declined"]
    assert get_transaction(service, ACCOUNT, TransactionId("unknown")) is None


def test_the_directory_has_every_account_even_before_it_is_opened(
    service: psycopg.Connection,
) -> None:
    """A waiting payment adds an account without a balance."""
    record(service, [payment("early", "p1", 70)])
    record(service, [opening("acc", 1000), purchase("acc", "t", 300), payment("acc", "p", 200)])
    record(
        service,
        [payment_return("acc", "p", 200), limit_change("acc", 4, 900), limit_change("acc", 3, 1)],
    )
    catch_up(service, 3)
    page = list_accounts(service, limit=1)
    assert [item.account_id for item in page.items] == ["acc"]
    assert page.more
    account = page.items[0]
    assert (account.posted, account.pending, account.credit_limit) == (0, 300, 900)
    assert (account.available, account.limit_version, account.account_version) == (600, 4, 6)
    last = list_accounts(service, limit=1, after=account.account_id)
    assert ([item.account_id for item in last.items], last.more) == (["early"], False)
    early = list_accounts(service, limit=5, after=account.account_id).items[0]
    assert (early.opened, early.status, early.posted, early.available) == (False, None, 0, 0)
    assert early.account_version == 1


def test_the_directory_has_the_stricter_of_both_statuses(service: psycopg.Connection) -> None:
    """Events are folded singly or in one batch; a status may precede the account's opening."""
    statuses = []
    steps: list[list[Command]] = [
        [team_status("acc", 2, "frozen")],
        [opening("acc")],
        [operator_status("acc", "s1", "frozen"), team_status("acc", 3, "active")],
        [operator_status("acc", "s2", "active")],
        [team_status("acc", 1, "closed"), team_status("acc", 4, "active")],
        [team_status("acc", 5, "active")],
    ]
    for commands in steps:
        record(service, commands)
        catch_up(service, 3)
        account = get_account(service, ACCOUNT)
        assert account is not None
        statuses.append((account.status, account.operator_status, account.team_status))
    assert statuses == [
        (None, "active", "frozen"),
        ("frozen", "active", "frozen"),
        ("frozen", "frozen", "active"),
        ("active", "active", "active"),
        ("closed", "active", "closed"),
        ("closed", "active", "closed"),
    ]


def test_a_read_model_that_has_lost_a_hold_stops_at_its_release(
    service: psycopg.Connection,
) -> None:
    record(service, [opening("acc"), purchase("acc", "t", 5)])
    catch_up(service, 3)
    service.execute("DELETE FROM open_holds")
    record(service, [reversal("acc", "t", "r")])
    with pytest.raises(psycopg.errors.CheckViolation):
        project_batch(service, OPEN_HOLDS)
    assert checkpoint_of("open_holds").read(service) < last_position(service)


def test_a_checkpoint_moves_over_events_that_the_read_model_does_not_use(
    service: psycopg.Connection,
) -> None:
    """Otherwise `as_of_position` would fall behind."""
    record(service, [opening("acc"), payment("acc", "p", 1)])
    catch_up(service, 3)
    positions = {checkpoint_of(each.name).read(service) for each in PROJECTIONS}
    assert positions == {last_position(service)}


def test_i1_two_projectors_at_once_fold_each_event_once(database: TestDatabase) -> None:
    with (
        Database(database.service_url).connect() as connection,
        projecting(database.service_url) as one,
        projecting(database.service_url) as two,
    ):
        record(connection, [opening("acc", 10_000)])
        for batch in range(50):
            record(connection, [purchase("acc", f"t{batch}-{n}", 1) for n in range(20)])
        directory, transactions = checkpoint_of("directory"), checkpoint_of("transactions")
        wait_until(lambda: directory.read(connection) == last_position(connection))
        wait_until(lambda: transactions.read(connection) == last_position(connection))
        account = get_account(connection, ACCOUNT)
        assert account is not None
        assert (account.pending, account.account_version) == (1000, 1001)
        row = connection.execute("SELECT count(*) FROM transactions").fetchone()
        assert row == (1000,)
        assert one.health().ready
        assert two.health().ready


def lag_metric(registry: CollectorRegistry) -> float:
    """The lag of the directory in `/metrics`."""
    labels = {"projection": "directory"}
    value = registry.get_sample_value("txplatform_projection_lag_positions", labels)
    assert value is not None
    return value


def test_a_projector_stands_by_while_another_session_has_the_checkpoint(
    database: TestDatabase,
) -> None:
    """It neither waits for the lock nor fails, and continues once the lock is free."""
    registry = CollectorRegistry()
    with (
        psycopg.connect(database.owner_url, autocommit=True) as holder,  # without idle timeout
        Database(database.service_url).connect() as connection,
        projecting(database.service_url, registry) as projector,
    ):
        wait_until(lambda: projector.health().ready)
        with holder.transaction():
            locked = holder.execute("SELECT FROM checkpoints FOR UPDATE")
            assert locked.rowcount == len(PROJECTIONS)
            record(connection, [opening("acc")])
            wait_until(
                lambda: all(
                    each["lag_positions"] > 0 for each in projector.health().figures.values()
                )
            )
            assert projector.health().ready
            assert lag_metric(registry) > 0
            assert get_account(connection, ACCOUNT) is None
        wait_until(lambda: get_account(connection, ACCOUNT))
        wait_until(lambda: lag_metric(registry) == 0)


def test_rows_are_rolled_back_if_another_session_has_moved_the_checkpoint(
    service: psycopg.Connection,
) -> None:

    def lose() -> None:
        with service.transaction():
            service.execute(
                "INSERT INTO account_directory (account_id, account_version, credit_limit,"
                " limit_version, posted, pending, updated_at) VALUES ('x', 1, 0, 0, 0, 0, now())"
            )
            checkpoint_of("directory").move(service, before=7, to=8)

    with pytest.raises(CheckpointError):
        lose()
    assert get_account(service, AccountId("x")) is None


def test_i8_a_projector_recovers_from_a_database_outage(
    own_postgres: PostgresServer,
) -> None:
    """During the outage it is not ready. Its lag returns to 0 without intervention."""
    url = own_postgres.new_database().service_url
    with projecting(url) as projector:
        wait_until(lambda: projector.health().ready)
        own_postgres.kill()
        wait_until(lambda: not projector.health().ready)
        own_postgres.start()
        with Database(url).connect() as connection:
            record(connection, [opening("acc")])
            wait_until(lambda: get_account(connection, ACCOUNT))
        wait_until(lambda: projector.health().ready)


def test_i8_a_read_model_without_its_table_is_not_ready_and_blocks_no_other(
    database: TestDatabase,
) -> None:
    """When the table is back, it continues by itself."""
    with (
        psycopg.connect(database.owner_url, autocommit=True) as owner,
        Database(database.service_url).connect() as connection,
        projecting(database.service_url) as projector,
    ):
        owner.execute("ALTER TABLE transactions RENAME TO lost")
        record(connection, [opening("acc"), purchase("acc", "t", 1)])
        wait_until(lambda: (found := get_account(connection, ACCOUNT)) and found.pending == 1)
        wait_until(lambda: not projector.health().ready)
        assert "transactions" in projector.health().detail
        owner.execute("ALTER TABLE lost RENAME TO transactions")
        wait_until(lambda: projector.health().ready)
        assert [i.transaction_id for i in list_transactions(connection, ACCOUNT, limit=2).items]
