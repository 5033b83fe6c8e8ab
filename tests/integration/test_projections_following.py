"""Read models follow the log: rows, checkpoints, several projectors and faults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from harness.commands import opening, payment, purchase, reversal
from harness.histories import record
from harness.parts import running
from harness.postgres import PostgresServer, TestDatabase
from harness.read_models import catch_up, second_read_model, transaction_rows
from harness.verification import differences
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.eventstore.log import last_position
from txplatform.following.checkpoint import CheckpointError
from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import Projection, checkpoint_of
from txplatform.projections.rebuild import rebuild
from txplatform.projections.runner import Projector
from txplatform.projections.transaction_history import get_transaction
from txplatform.projections.transaction_list import list_transactions
from txplatform.projections.transactions import TRANSACTIONS
from txplatform.settings import Settings

ACCOUNT = AccountId("acc")


@contextmanager
def projecting(
    url: str,
    registry: CollectorRegistry | None = None,
    projections: Sequence[Projection] = PROJECTIONS,
    stalled_after_s: float = 60,
) -> Iterator[Projector]:
    """Run a projector and check that it stops in time."""
    settings = Settings(database_url=SecretStr(url), stalled_after_s=stalled_after_s)
    registry = registry or CollectorRegistry()
    projector = Projector(settings, Database(url), registry, projections)
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


def test_a_read_model_that_another_session_holds_up_is_not_ready_until_it_goes_on(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """No error is seen: to this projector, another one seems to fold."""
    registry = CollectorRegistry()

    def oldest_s() -> float:
        labels = {"projection": TRANSACTIONS.name}
        return registry.get_sample_value("txplatform_projection_oldest_seconds", labels) or 0

    with projecting(database.service_url, registry, stalled_after_s=1) as projector:
        wait_until(lambda: projector.health().ready)
        with psycopg.connect(database.owner_url) as other:
            checkpoint_of(TRANSACTIONS.name).lock(other)
            record(service, [opening("acc")])
            wait_until(lambda: not projector.health().ready, timeout_s=10)
            assert re.search(
                r"transactions: follows the log; the oldest item has waited for \d+ s without",
                projector.health().detail,
            )
            assert oldest_s() > 1
        wait_until(lambda: projector.health().ready, timeout_s=10)
        wait_until(lambda: oldest_s() == 0, timeout_s=10)


def test_a_lost_row_does_not_stop_the_projector_and_a_rebuild_restores_it(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Only `verify` finds the loss, because the release of the hold makes a new row."""
    record(service, [opening("acc"), purchase("acc", "t", 5)])
    catch_up(service, 3)
    right = transaction_rows(service)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("DELETE FROM transactions")
    record(service, [reversal("acc", "t", "r")])
    catch_up(service, 3)
    assert [(row.account_version, row.held) for row in transaction_rows(service)] == [(3, -5)]
    assert differences(database) == [
        ("acc", 3, "transactions.extra_row"),
        ("acc", 2, "transactions.missing_row"),
    ]
    rebuild(Database(database.owner_url), TRANSACTIONS)
    assert transaction_rows(service) == [right[0]._replace(held=0)]
    assert differences(database) == []


def test_a_checkpoint_moves_over_events_that_the_read_model_does_not_use(
    service: psycopg.Connection,
) -> None:
    """Otherwise `as_of_position` would fall behind."""
    record(service, [opening("acc"), payment("acc", "p", 1)])
    catch_up(service, 1)
    assert transaction_rows(service) == []
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
        transactions = checkpoint_of("transactions")
        wait_until(lambda: transactions.read(connection) == last_position(connection))
        rows = transaction_rows(connection)
        assert [(row.account_version, row.held) for row in rows] == [
            (version, 1) for version in range(2, 1002)
        ]
        assert one.health().ready
        assert two.health().ready


def lag_metric(registry: CollectorRegistry) -> float:
    """The lag of the read model of transactions in `/metrics`."""
    labels = {"projection": "transactions"}
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
            record(connection, [opening("acc"), purchase("acc", "t", 1)])
            wait_until(
                lambda: all(
                    each["lag_positions"] > 0 for each in projector.health().figures.values()
                )
            )
            assert projector.health().ready
            assert lag_metric(registry) > 0
            assert transaction_rows(connection) == []
        wait_until(lambda: transaction_rows(connection))
        wait_until(lambda: lag_metric(registry) == 0)


def test_rows_are_rolled_back_if_another_session_has_moved_the_checkpoint(
    service: psycopg.Connection,
) -> None:

    def lose() -> None:
        with service.transaction():
            service.execute("INSERT INTO transactions VALUES (1, 0, NULL, now(), 'x', 't')")
            checkpoint_of("transactions").move(service, before=7, to=8)

    with pytest.raises(CheckpointError):
        lose()
    assert transaction_rows(service) == []


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
            record(connection, [opening("acc"), purchase("acc", "t", 1)])
            wait_until(lambda: transaction_rows(connection))
        wait_until(lambda: projector.health().ready)


def test_i8_a_read_model_without_its_table_is_not_ready_and_blocks_no_other(
    database: TestDatabase,
) -> None:
    """When the table is back, it continues by itself."""
    with (
        psycopg.connect(database.owner_url, autocommit=True) as owner,
        Database(database.service_url).connect() as connection,
        projecting(
            database.service_url, projections=[second_read_model(owner), TRANSACTIONS]
        ) as projector,
    ):
        owner.execute("ALTER TABLE transactions RENAME TO lost")
        record(connection, [opening("acc"), purchase("acc", "t", 1)])
        second = "SELECT transaction_id FROM second_transactions"
        wait_until(lambda: connection.execute(second).fetchall() == [("t",)])
        wait_until(lambda: not projector.health().ready)
        assert "transactions" in projector.health().detail
        owner.execute("ALTER TABLE lost RENAME TO transactions")
        wait_until(lambda: projector.health().ready)
        assert [i.transaction_id for i in list_transactions(connection, ACCOUNT, limit=2).items]
