"""The read model that lists each account's transactions, and its queries.

The read model may lag behind the log, so every page states the log position up to which the page is
complete. The events of each transaction are read from the log (`transaction_history`).
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import psycopg
from typing_extensions import override

from txplatform.contracts.cursors import ACCOUNT_VERSIONS
from txplatform.contracts.transactions import TransactionResponse, TransactionsResponse
from txplatform.domain.account import Account
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationReversed,
    ClearingCorrected,
    Event,
    IncrementDeclined,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.ids import AccountId, TransactionId, account_of, account_stream
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.projection import ExpectedRows, Projection, checkpoint_of
from txplatform.projections.tables import write_rows
from txplatform.projections.transaction_history import (
    EVENTS_OF_NAMED,
    transaction_of,
)


class TransactionRow(NamedTuple):
    """A transaction and its place in the account's list.

    Attributes:
        account_version: The account's version at the decision; without a decision, at the first
            event that names the transaction.
    """

    account_id: AccountId
    transaction_id: TransactionId
    account_version: int


# ON CONFLICT always uses the key's index. If the planner expects few transactions per account, a
# join might use the index on account and version, and read all transactions of the account.
_INSERT = """
INSERT INTO {table} SELECT * FROM {rows} ON CONFLICT (account_id, transaction_id) DO
"""
_INSERT_DECIDED = _INSERT + "UPDATE SET account_version = EXCLUDED.account_version"
_INSERT_NAMED = _INSERT + "NOTHING"

_SHOWN_EVENTS = 50
_MAX_EVENTS = 5000
"""A page ends once its transactions have this many events in total."""

_READ_ONE = f"""
SELECT e.*
FROM (SELECT %(transaction_id)s::text AS transaction_id) named
CROSS JOIN LATERAL ({EVENTS_OF_NAMED} OFFSET 0) e
ORDER BY originator_version
"""

_READ_PAGE = f"""
WITH listed AS (
    SELECT transaction_id, account_version FROM transactions
    WHERE account_id = %(account_id)s AND account_version < %(before)s
    ORDER BY account_version DESC
    LIMIT %(limit)s + 1
), named AS (
    SELECT transaction_id, account_version,
           row_number() OVER newest_first <= %(limit)s
           AND sum(later) OVER newest_first - later < %(max_events)s AS fits
    FROM listed CROSS JOIN LATERAL (
        SELECT count(*) AS later
        FROM (
            SELECT FROM events
            WHERE originator_id = %(stream)s AND transaction_id = listed.transaction_id
            LIMIT %(max_events)s
        ) counted
    ) c
    WINDOW newest_first AS (ORDER BY account_version DESC)
)
SELECT named.transaction_id, named.account_version, fits, e.*
FROM named LEFT JOIN LATERAL ({EVENTS_OF_NAMED} WHERE fits OFFSET 0) e ON true
ORDER BY named.account_version DESC, e.originator_version
"""
"""Reads a page of transactions with their events; transactions that do not fit have none."""


class _ExpectedTransactions(ExpectedRows):
    def __init__(self) -> None:
        self._versions: dict[TransactionId, int] = {}

    @override
    def add(self, event: Event) -> None:
        if isinstance(event, AuthorizationApproved | AuthorizationDeclined):
            self._versions[event.purchase.transaction_id] = event.originator_version
        elif event.transaction_id is not None:
            self._versions.setdefault(event.transaction_id, event.originator_version)

    @override
    def rows(self, account: Account) -> Iterable[TransactionRow]:
        return [TransactionRow(account.account_id, *each) for each in self._versions.items()]


class Transactions(Projection):
    """The read model of transactions."""

    name = "transactions"
    table = "transactions"
    row = TransactionRow
    key = ("account_id", "account_version")
    events = frozenset(
        {
            AuthorizationApproved,
            AuthorizationDeclined,
            IncrementDeclined,
            AuthorizationReversed,
            PurchaseCleared,
            ClearingCorrected,
            PurchaseRefunded,
        }
    )
    """Decisions, and all events that can name a transaction before its decision."""
    totals = (("transactions", "count(t)"),)

    @override
    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        decided, named = new_rows(events)
        write_rows(connection, _INSERT_DECIDED, table, [row._asdict() for row in decided])
        write_rows(connection, _INSERT_NAMED, table, [row._asdict() for row in named])

    @override
    def expected(self) -> ExpectedRows:
        return _ExpectedTransactions()


TRANSACTIONS = Transactions()


def new_rows(events: Iterable[LoggedEvent]) -> tuple[list[TransactionRow], list[TransactionRow]]:
    """Return two lists: the rows from decisions, and the rows from all other events.

    A row of the second list must not replace an existing row.
    """
    decided: list[TransactionRow] = []
    named: dict[tuple[AccountId, TransactionId], TransactionRow] = {}
    for logged in events:
        event = logged.event
        account_id, version = account_of(event.originator_id), event.originator_version
        if isinstance(event, AuthorizationApproved | AuthorizationDeclined):
            decided.append(TransactionRow(account_id, event.purchase.transaction_id, version))
        elif event.transaction_id is not None:
            row = TransactionRow(account_id, event.transaction_id, version)
            named.setdefault((account_id, event.transaction_id), row)
    return decided, [*named.values()]


def list_transactions(
    connection: psycopg.Connection, account_id: AccountId, *, limit: int, cursor: str | None = None
) -> TransactionsResponse:
    """Return a page of an account's transactions, newest first, all as of one account version.

    Args:
        connection: A connection, with or without an open database transaction.
        account_id: The account; an unknown account has no transactions.
        limit: The maximum number of transactions to return, at least 1.
        cursor: The `next_cursor` of the previous page.

    Raises:
        InvalidCursorError: This API never issued the cursor.
    """
    before = 2**63 - 1 if cursor is None else ACCOUNT_VERSIONS.read(cursor)
    # Read the position first: rows added meanwhile make the page newer than promised, not older.
    position = checkpoint_of(TRANSACTIONS.name).read(connection)
    asked = {
        "account_id": account_id,
        "stream": account_stream(account_id),
        "before": before,
        "limit": limit,
        "max_events": _MAX_EVENTS,
    }
    items, last, more = [], before, False
    with connection.cursor(binary=True) as rows:
        rows.execute(_READ_PAGE, asked)
        for (transaction_id, version, fits), events in groupby(rows, itemgetter(0, 1, 2)):
            more = more or not fits
            if history := _logged(row[3:] for row in events):
                items.append(transaction_of(transaction_id, history, newest=_SHOWN_EVENTS))
            if fits:
                last = version
    return TransactionsResponse(items, ACCOUNT_VERSIONS.write(last) if more else None, position)


def get_transaction(
    connection: psycopg.Connection, account_id: AccountId, transaction_id: TransactionId
) -> TransactionResponse | None:
    """Return a transaction and all its events from the log; None if it is not in the log."""
    asked = {"stream": account_stream(account_id), "transaction_id": transaction_id}
    with connection.cursor(binary=True) as rows:
        rows.execute(_READ_ONE, asked)
        history = _logged(rows)
    return transaction_of(transaction_id, history) if history else None


def _logged(rows: Iterable[tuple[Any, ...]]) -> list[LoggedEvent]:
    return [
        LoggedEvent(position, recorded_at, decode_event(stream, version, topic, state))
        for position, stream, version, topic, state, recorded_at in rows
        if position is not None
    ]
