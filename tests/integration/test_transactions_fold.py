"""The SQL fold of the read model of transactions gives the rows that the events imply."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.commands import clearing, increment, opening, payment, purchase, refund
from harness.histories import read_whole_log, record
from harness.postgres import TestDatabase
from harness.read_models import catch_up, transaction_rows
from harness.shuffled import Sent, arrive, shuffled_histories
from harness.streams import Stream
from harness.verification import empty_log, tampering
from txplatform.database import Database
from txplatform.domain.account import Account
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    Event,
    TransactionStarted,
)
from txplatform.domain.ids import TransactionId
from txplatform.eventstore.statements import APPEND, append_parameters
from txplatform.projections.transactions import TRANSACTIONS, TransactionRow


def first_versions(events: Iterable[Event]) -> dict[TransactionId, int]:
    """Return the account's version after the first event that names each transaction."""
    versions: dict[TransactionId, int] = {}
    for event in events:
        named = event.transaction_id
        if isinstance(event, AuthorizationApproved | AuthorizationDeclined):
            named = event.purchase.transaction_id
        if isinstance(event, TransactionStarted):
            named = event.transaction
        if named is not None:
            versions.setdefault(named, event.originator_version)
    return versions


def expected_rows(connection: psycopg.Connection, account: Account) -> list[TransactionRow]:
    """Return the rows that `verify` expects for the only account in the log."""
    expected = TRANSACTIONS.expected()
    for logged in read_whole_log(connection):
        expected.add(logged)
    return sorted((TransactionRow(*row) for row in expected.rows(account)), key=place)


def place(row: TransactionRow) -> int:
    """Return the row's place in the list of its account."""
    return row.account_version


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shuffled_histories(limit=500), st.integers(1, 9))
def test_i1_the_rows_of_any_history_are_the_holds_of_the_account(
    database: TestDatabase, sent: Sent, batch: int
) -> None:
    """The size of the batches in which events are folded makes no difference."""
    stream = Stream()
    arrive(stream, sent)
    empty_log(database)
    with Database(database.service_url).connect() as service:
        appended = service.execute(APPEND, append_parameters(stream.events)).fetchone()
        assert appended == ([],)
        catch_up(service, batch)
        rows = transaction_rows(service)
        expected = expected_rows(service, stream.account())
    held = {row.transaction_id: (row.held, row.expires_at) for row in rows if row.held}
    assert held == stream.account().holds
    assert {row.transaction_id: place(row) for row in rows} == first_versions(stream.events)
    assert rows == expected


def test_every_transaction_that_an_event_names_has_one_row(service: psycopg.Connection) -> None:
    """Its place is the first event that names it, whether or not that event is a decision."""
    record(
        service,
        [
            purchase("acc", "early", 1),  # version 1: declined, because the account is not open
            opening("acc", 1000),
            purchase("acc", "approved", 300),  # 3
            purchase("acc", "declined", 5000),  # 4
            payment("acc", "p", 70),
            refund("acc", "named", "f1", 1),  # 6
            refund("acc", "named", "f2", 1),
            refund("acc", None, "f3", 1),
            increment("acc", "approved", "i", 20),
        ],
    )
    catch_up(service, 1)
    assert [(row.transaction_id, place(row), row.held) for row in transaction_rows(service)] == [
        ("early", 1, 0),
        ("approved", 3, 320),
        ("declined", 4, 0),
        ("named", 6, 0),
    ]


def test_the_rows_of_two_accounts_with_the_same_transaction_are_separate(
    service: psycopg.Connection,
) -> None:
    """They are, even if one batch has the events of both accounts."""
    record(service, [opening("a"), opening("b"), purchase("a", "t", 5), purchase("b", "t", 7)])
    record(service, [clearing("b", "t", "c", 4, final=False)])
    catch_up(service)
    rows = transaction_rows(service)
    assert [(row.account_id, row.transaction_id, row.held) for row in rows] == [
        ("a", "t", 5),
        ("b", "t", 3),
    ]


def test_a_released_hold_keeps_its_expiry_time(service: psycopg.Connection) -> None:
    """Rows are only added up, so a fold in one batch gives the same row as in two."""
    record(service, [opening("acc"), purchase("acc", "t", 5)])
    catch_up(service)
    (held,) = transaction_rows(service)
    assert held.expires_at is not None
    record(service, [clearing("acc", "t", "c", 5)])
    catch_up(service)
    assert transaction_rows(service) == [held._replace(held=0)]


def test_the_ids_of_the_account_and_of_the_transaction_may_have_any_characters(
    service: psycopg.Connection,
) -> None:
    """The fold cuts both ids out of longer texts: the stream's id and the business key."""
    account, transaction = "account-x:1", "authorization:é:2"
    record(service, [opening(account), purchase(account, transaction, 5)])
    record(service, [clearing(account, transaction, "c:1", 2, final=False)])
    catch_up(service)
    rows = transaction_rows(service)
    assert [(row.account_id, row.transaction_id, row.held) for row in rows] == [
        (account, transaction, 3)
    ]


@pytest.mark.parametrize("batch", [1, 1000])
def test_the_recorded_time_of_a_row_is_that_of_its_first_event(
    database: TestDatabase, service: psycopg.Connection, batch: int
) -> None:
    """It is, even if the clock was set back since: a fold in one batch gives the same as in two."""
    record(service, [opening("acc"), purchase("acc", "t", 5), clearing("acc", "t", "c", 5)])
    with tampering(database) as owner:
        owner.execute("UPDATE events SET recorded_at = '2026-11-20 10:00' WHERE topic LIKE 'pur%'")
    catch_up(service, batch)
    (row,) = transaction_rows(service)
    (_, first, _) = read_whole_log(service)
    assert row.recorded_at == first.recorded_at
