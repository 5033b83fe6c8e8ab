"""The read model that lists each account's transactions, and its queries.

The read model may lag behind the log, so every page states the log position up to which the page is
complete. The events of each transaction are read from the log (`transaction_history`).
"""

from collections.abc import Iterable
from datetime import datetime
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
    Event,
)
from txplatform.domain.ids import AccountId, TransactionId, account_stream
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.projection import ExpectedRows, Projection, checkpoint_of
from txplatform.projections.transaction_history import (
    EVENTS_OF_NAMED,
    LATER_EVENTS,
    transaction_of,
)


class TransactionRow(NamedTuple):
    """A transaction, its place in the account's list, and its hold.

    Attributes:
        account_version: The account's version after the first event that names the transaction.
        held: The amount on hold, minor units.
        expires_at: When the hold expires or, once the hold is released, would have expired, UTC;
            None for never.
    """

    account_id: AccountId
    transaction_id: TransactionId
    account_version: int
    held: int
    expires_at: datetime | None


_FOLD = f"""
INSERT INTO {{table}} AS t (account_id, transaction_id, account_version, held, expires_at)
SELECT substr(originator_id, {len(account_stream(AccountId(""))) + 1}), named,
    min(originator_version), sum(pending_change), max(expires_at)
FROM (
    SELECT originator_id, originator_version, pending_change, expires_at,
        CASE WHEN topic IN ('{AuthorizationApproved.TOPIC}', '{AuthorizationDeclined.TOPIC}')
        THEN substr(event_key, strpos(event_key, ':') + 1) ELSE transaction_id END AS named
    FROM events
    WHERE position > %s AND position <= %s
    ORDER BY position
) event
WHERE named IS NOT NULL AND strpos(named, ' ') = 0
GROUP BY originator_id, named
ON CONFLICT (account_id, transaction_id) DO UPDATE SET
    held = t.held + EXCLUDED.held,
    expires_at = coalesce(EXCLUDED.expires_at, t.expires_at)
"""  # constants of this package
"""An authorization's transaction is in its business key: its column is empty (migration 0001).

A value with a blank is not a transaction: see `corrections_of`.
"""

_SHOWN_EVENTS = 50
_MAX_EVENTS = 5000
"""A page ends once its transactions have this many events in total."""

_READ_ONE = f"""
SELECT e.*
FROM (SELECT %(transaction_id)s::text AS transaction_id) named
CROSS JOIN LATERAL ({EVENTS_OF_NAMED}) e
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
    FROM listed AS named CROSS JOIN LATERAL (
        SELECT count(*) AS later
        FROM (
            SELECT FROM {LATER_EVENTS} later LIMIT %(max_events)s
        ) counted
    ) c
    WINDOW newest_first AS (ORDER BY account_version DESC)
)
SELECT named.transaction_id, named.account_version, fits, e.*
FROM named LEFT JOIN LATERAL (SELECT * FROM ({EVENTS_OF_NAMED}) history WHERE fits) e ON true
ORDER BY named.account_version DESC, e.originator_version
"""
"""Reads a page of transactions with their events; transactions that do not fit have none."""


class _ExpectedTransactions(ExpectedRows):
    def __init__(self) -> None:
        self._versions: dict[TransactionId, int] = {}
        self._expiry_times: dict[TransactionId, datetime] = {}

    @override
    def add(self, event: Event) -> None:
        named = event.transaction_id
        if isinstance(event, AuthorizationApproved | AuthorizationDeclined):
            named = event.purchase.transaction_id
        if named is not None:
            self._versions.setdefault(named, event.originator_version)
            if event.hold_expires_at is not None:
                self._expiry_times[named] = event.hold_expires_at

    @override
    def rows(self, account: Account) -> Iterable[TransactionRow]:
        for named, version in self._versions.items():
            held, expires_at = account.held(named), self._expiry_times.get(named)
            yield TransactionRow(account.account_id, named, version, held, expires_at)


class Transactions(Projection):
    """The read model of transactions and their holds."""

    name = "transactions"
    table = "transactions"
    row = TransactionRow
    key = ("account_id", "account_version")
    fold = _FOLD
    totals = (("transactions", "count(t)"), ("held", "sum(held)"))

    @override
    def expected(self) -> ExpectedRows:
        return _ExpectedTransactions()


TRANSACTIONS = Transactions()


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
