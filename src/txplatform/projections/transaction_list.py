"""The list of an account's transactions, filtered and in pages.

The read model of transactions gives the order. The histories are read from the log, so they never
lag. The read model may lag, so every page states the log position up to which it is complete.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Literal

import psycopg

from txplatform.contracts.cursors import Cursors, from_microseconds, to_microseconds
from txplatform.contracts.transactions import TransactionResponse, TransactionsResponse
from txplatform.domain.events import Event
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.transaction import TransactionState
from txplatform.projections.account_lists import MAX_EVENTS, ListFilters, Place, take_page
from txplatform.projections.projection import checkpoint_of
from txplatform.projections.transaction_history import (
    EVENTS_OF_NAMED,
    LATER_EVENTS,
    logged_events,
    transaction_of,
)
from txplatform.projections.transactions import TRANSACTIONS

_SHOWN_EVENTS = 50
_BATCH = 200
"""The number of transactions to read at once if each has to be compared with filters."""

_READ_BATCH = f"""
WITH listed AS (
    SELECT transaction_id, recorded_at, account_version FROM transactions
    WHERE account_id = %(account_id)s AND recorded_at >= %(since)s
      AND (recorded_at, account_version) < (%(before)s, %(before_version)s)
    ORDER BY recorded_at DESC, account_version DESC
    LIMIT %(limit)s
), named AS (
    SELECT transaction_id, recorded_at, account_version,
           sum(later) OVER newest_first - later < %(max_events)s AS fits
    FROM listed AS named CROSS JOIN LATERAL (
        SELECT count(*) AS later
        FROM (
            SELECT FROM {LATER_EVENTS} later LIMIT %(max_events)s
        ) counted
    ) c
    WINDOW newest_first AS (ORDER BY recorded_at DESC, account_version DESC)
)
SELECT named.transaction_id, named.recorded_at, named.account_version, e.*
FROM named CROSS JOIN LATERAL ({EVENTS_OF_NAMED}) e
WHERE fits
ORDER BY named.recorded_at DESC, named.account_version DESC, e.originator_version
"""
"""Reads the next transactions with all their events, at least one transaction.

It stops once these have `max_events` events, not counting authorizations.
"""


@dataclass(frozen=True, slots=True)
class TransactionFilters(ListFilters):
    """The filters of the list of transactions. The recorded time is that of the first event."""

    state: TransactionState | None = None
    decision: Literal["approved", "declined"] | None = None

    @property
    def need_history(self) -> bool:
        """True if the recorded time of a transaction is not enough to tell whether it matches."""
        return any((self.flag, self.reference, self.state, self.decision))

    def admit(self, transaction: TransactionResponse, events: Sequence[Event]) -> bool:
        """Return whether a transaction with these events matches, as it is now."""
        return (
            self.state in (None, transaction.state)
            and self.decision in (None, transaction.decision)
            and self.admit_one_of(events)
        )


NO_FILTERS = TransactionFilters()


def transaction_cursors(account_id: AccountId, filters: TransactionFilters = NO_FILTERS) -> Cursors:
    """Return the cursors of the list of an account's transactions."""
    return filters.cursors("transactions", account_id)


def list_transactions(
    connection: psycopg.Connection,
    account_id: AccountId,
    *,
    filters: TransactionFilters = NO_FILTERS,
    limit: int,
    cursor: str | None = None,
) -> TransactionsResponse:
    """Return a page of an account's transactions, newest first.

    Without filters by history, all histories are read at one account version.

    Args:
        connection: A connection, with or without an open database transaction.
        account_id: The account; an unknown account has no transactions.
        filters: The filters that the transactions match.
        limit: The maximum number of transactions to return, at least 1.
        cursor: The `next_cursor` of the previous page.

    Raises:
        InvalidCursorError: The cursor is not of this list with these filters.
    """
    cursors = transaction_cursors(account_id, filters)
    start = Place(*cursors.read(cursor, *filters.start))
    # Read the position first: rows added meanwhile make the page newer than promised, not older.
    position = checkpoint_of(TRANSACTIONS.name).read(connection)
    batch = _BATCH if filters.need_history else limit + 1
    rows = _read(connection, account_id, filters, start, batch)
    items, next_place = take_page(rows, start, limit)
    next_cursor = None if next_place is None else cursors.write(*next_place)
    return TransactionsResponse(items, next_cursor, position)


def _read(
    connection: psycopg.Connection,
    account_id: AccountId,
    filters: TransactionFilters,
    place: Place,
    batch: int,
) -> Iterator[tuple[Place, TransactionResponse | None, int]]:
    """Yield the rows after a place, read batch by batch; see `take_page`."""
    while True:
        asked = {
            "account_id": account_id,
            "stream": account_stream(account_id),
            "since": filters.earliest,
            "before": from_microseconds(place.recorded_at),
            "before_version": place.account_version,
            "limit": batch,
            "max_events": MAX_EVENTS,
        }
        listed = events = 0
        with connection.cursor(binary=True) as rows:
            rows.execute(_READ_BATCH, asked)
            for (transaction_id, recorded_at, version), group in groupby(rows, itemgetter(0, 1, 2)):
                place = Place(to_microseconds(recorded_at), version)
                history = logged_events(row[3:] for row in group)
                transaction = transaction_of(transaction_id, history, newest=_SHOWN_EVENTS)
                matches = filters.admit(transaction, [logged.event for logged in history])
                yield place, transaction if matches else None, 1 + len(history)
                listed += 1
                events += len(history)
        if listed < batch and events < MAX_EVENTS:
            return
