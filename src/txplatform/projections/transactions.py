"""The read model of transactions by account: its rows, their fold, and what is asked of them.

It says which transactions there are, newest first, and may lag behind the log; every page says up
to which log position it goes. What became of each is read from the log (`lives`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

import orjson
import psycopg
from psycopg import sql

from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationReversed,
    ClearingCorrected,
    IncrementDeclined,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.ids import AccountId, TransactionId, account_of, account_stream
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.cursors import cursor_at, version_at
from txplatform.projections.projection import checkpoint_of
from txplatform.projections.transaction_history import (
    EVENTS_OF_NAMED,
    TransactionView,
    transaction_of,
)

COLUMNS = (
    "account_id",
    "transaction_id",
    "account_version",
    "log_position",
    "event_id",
    "decision",
    "response_code",
    "authorization_code",
    "reasons",
    "amount",
    "currency",
    "merchant_id",
    "merchant_name",
    "merchant_category_code",
    "merchant_country",
    "original_amount",
    "original_currency",
    "occurred_at",
    "decided_at",
    "ruleset",
    "credit_limit_after",
    "posted_after",
    "pending_after",
)
"""The table's; the last three are null where there was no account.

Without a decision all but the first four are.
"""

_COLUMN_LIST = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
_REASONS = COLUMNS.index("reasons")
_NAMED = COLUMNS.index("log_position") + 1
"""So many of them, the first ones, has a transaction without a decision."""

_GIVE_WAY = sql.SQL(
    "DELETE FROM {table} t USING unnest(%s::text[], %s::text[]) AS d (account_id, transaction_id)"
    " WHERE t.account_id = d.account_id AND t.transaction_id = d.transaction_id"
    " AND t.decision IS NULL"
)
_ADD_DECIDED = sql.SQL("COPY {table} ({columns}) FROM STDIN")
_ADD_NAMED = sql.SQL(
    "INSERT INTO {table} (account_id, transaction_id, account_version, log_position)"
    " SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])"
    " ON CONFLICT (account_id, transaction_id) DO NOTHING"
)

_SHOWN_EVENTS = 50
_MOST_EVENTS = 5000
"""A page ends behind the transaction with which its transactions have that many."""

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
           AND sum(later) OVER newest_first - later < %(most_events)s AS fits
    FROM listed CROSS JOIN LATERAL (
        SELECT count(*) AS later
        FROM (
            SELECT FROM events
            WHERE originator_id = %(stream)s AND transaction_id = listed.transaction_id
            LIMIT %(most_events)s
        ) counted
    ) c
    WINDOW newest_first AS (ORDER BY account_version DESC)
)
SELECT named.transaction_id, named.account_version, fits, e.*
FROM named LEFT JOIN LATERAL ({EVENTS_OF_NAMED} WHERE fits OFFSET 0) e ON true
ORDER BY named.account_version DESC, e.originator_version
"""
"""A page of transactions with their events, and behind it, without, what shows that more follow."""


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """Some of an account's transactions, newest first.

    Attributes:
        items: Each with its newest 50 events; fewer than asked for where they have very many.
        next_cursor: Gives the page after this one; None where there is none.
        as_of_position: The last log position that the list has read.
    """

    items: list[TransactionView]
    next_cursor: str | None
    as_of_position: int


class Transactions:
    """How the table is folded from the log."""

    name = "transactions"
    table = "transactions"
    topics = frozenset(
        kind.TOPIC
        for kind in (
            AuthorizationApproved,
            AuthorizationDeclined,
            IncrementDeclined,
            AuthorizationReversed,
            PurchaseCleared,
            ClearingCorrected,
            PurchaseRefunded,
        )
    )
    """Decisions, and what can name a transaction before there is one."""
    totals = (
        ("transactions", "count(t)"),
        ("approved", "count(t) FILTER (WHERE decision = 'approved')"),
        ("amount", "sum(amount)"),
    )

    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        """Add a row for each decision, then for each transaction that is named and has no row."""
        decided, named = new_rows(events)
        names = {"table": sql.Identifier(table), "columns": _COLUMN_LIST}
        with connection.cursor() as cursor:
            if decided:
                keys = [*zip(*(row[:2] for row in decided), strict=True)]
                # Planned each time: a plan made for a table that was small would read all of it.
                cursor.execute(_GIVE_WAY.format(**names), [*map(list, keys)], prepare=False)
                with cursor.copy(_ADD_DECIDED.format(**names)) as copy:
                    for row in decided:
                        as_stored = list(row)
                        as_stored[_REASONS] = orjson.dumps(row[_REASONS]).decode()
                        copy.write_row(as_stored)
            if named:
                columns = zip(*(row[:_NAMED] for row in named), strict=True)
                cursor.execute(_ADD_NAMED.format(**names), [*map(list, columns)])


TRANSACTIONS = Transactions()


def new_rows(events: Iterable[LoggedEvent]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The rows of these decisions, and of what else is named, should that have no decision."""
    decided: dict[tuple[str, str], tuple[Any, ...]] = {}
    named: dict[tuple[str, str], tuple[Any, ...]] = {}
    for logged in events:
        if isinstance(logged.event, AuthorizationApproved | AuthorizationDeclined):
            row = decision_row(logged)
            decided[row[:2]] = row
        elif logged.event.transaction_id is not None:
            row = named_row(logged)
            named.setdefault(row[:2], row)
    return [*decided.values()], [*named.values()]


def named_row(logged: LoggedEvent) -> tuple[Any, ...]:
    """A transaction that this event is the first to name, as the values of `COLUMNS`."""
    event = logged.event
    return (
        account_of(event.originator_id),
        event.transaction_id,
        event.originator_version,
        logged.position,
        *(None,) * (len(COLUMNS) - _NAMED),
    )


def decision_row(logged: LoggedEvent) -> tuple[Any, ...]:
    """A decision as the values of `COLUMNS`; the reasons as JSON's own values."""
    event = cast("AuthorizationApproved | AuthorizationDeclined", logged.event)
    purchase, merchant, balance = event.purchase, event.purchase.merchant, event.balance
    authorization_code: str | None
    reasons: list[dict[str, Any]]
    match event:
        case AuthorizationApproved():
            decision, authorization_code, reasons = "approved", event.authorization_code, []
        case AuthorizationDeclined():
            decision, authorization_code = "declined", None
            reasons = [
                {
                    "code": str(reason.code),
                    "response_code": reason.response_code,
                    "message": reason.message,
                    "observed": reason.observed,
                    "limit": reason.limit,
                }
                for reason in event.reasons
            ]
    return (
        account_of(event.originator_id),
        purchase.transaction_id,
        event.originator_version,
        logged.position,
        event.event_id,
        decision,
        event.response_code,
        authorization_code,
        reasons,
        purchase.amount,
        purchase.currency,
        merchant.id,
        merchant.name,
        merchant.category_code,
        merchant.country,
        purchase.original_amount,
        purchase.original_currency,
        purchase.occurred_at,
        event.timestamp,
        event.ruleset,
        *(
            (None,) * 3
            if balance is None
            else (balance.credit_limit, balance.posted, balance.pending)
        ),
    )


def list_transactions(
    connection: psycopg.Connection, account_id: AccountId, *, limit: int, cursor: str | None = None
) -> TransactionPage:
    """An account's transactions, newest first, all as of one version of the account.

    Args:
        connection: Any; need not be in a transaction.
        account_id: The account; one that is unknown has no transactions.
        limit: How many at most, at least 1.
        cursor: `next_cursor` of the page before.

    Raises:
        InvalidCursorError: No page has given this cursor out.
    """
    before = 2**63 - 1 if cursor is None else version_at(cursor)
    # The position first: rows that come in between are more than is promised, never less.
    position = _as_of(connection)
    asked = {
        "account_id": account_id,
        "stream": account_stream(account_id),
        "before": before,
        "limit": limit,
        "most_events": _MOST_EVENTS,
    }
    items, last, more = [], before, False
    with connection.cursor(binary=True) as rows:
        rows.execute(_READ_PAGE, asked)
        for (transaction_id, version, fits), events in groupby(rows, itemgetter(0, 1, 2)):
            more = more or not fits
            if life := _logged(row[3:] for row in events):
                items.append(transaction_of(transaction_id, life, newest=_SHOWN_EVENTS))
            if fits:
                last = version
    return TransactionPage(items, cursor_at(last) if more else None, position)


def get_transaction(
    connection: psycopg.Connection, account_id: AccountId, transaction_id: TransactionId
) -> TransactionView | None:
    """One transaction as the log has it, with all of its events; None where nothing names it."""
    asked = {"stream": account_stream(account_id), "transaction_id": transaction_id}
    with connection.cursor(binary=True) as rows:
        rows.execute(_READ_ONE, asked)
        life = _logged(rows)
    return transaction_of(transaction_id, life) if life else None


def _as_of(connection: psycopg.Connection) -> int:
    return checkpoint_of(TRANSACTIONS.name).read(connection)


def _logged(rows: Iterable[tuple[Any, ...]]) -> list[LoggedEvent]:
    return [
        LoggedEvent(position, recorded_at, decode_event(stream, version, topic, state))
        for position, stream, version, topic, state, recorded_at in rows
        if position is not None
    ]
