"""The read model of transactions by account: its rows, their fold, and what is asked of them.

It may lag behind the log; every page says up to which log position it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.domain.money import Balance
from txplatform.domain.purchase import Merchant
from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.projections.cursors import cursor_at, version_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

    from txplatform.eventstore.statements import LoggedEvent

Decision = Literal["approved", "declined"]


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
"""The table's; the last three are null where there was no account."""

_COLUMN_LIST = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
_REASONS = COLUMNS.index("reasons")


@dataclass(frozen=True, slots=True)
class TransactionEvent:
    """One thing that happened to a transaction.

    Attributes:
        type: The event's name in the log, such as `authorization-approved`.
        account_version: The account's version with it.
        at: When it was decided, UTC.
    """

    type: str
    event_id: str
    account_version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Transaction:
    """A purchase, how it was decided, and what happened to it since.

    Attributes:
        response_code: ISO 8583:1987 field 39.
        authorization_code: ISO 8583:1987 field 38; None for a decline.
        reasons: Every rule that refused, most important first.
        amount: Minor units of `currency`.
        balance: The money after the decision; None where there was no account.
        account_version: The account's version with the decision.
        log_position: The decision's place in the log.
        events: Its whole life, oldest first.
    """

    transaction_id: TransactionId
    account_id: AccountId
    decision: Decision
    response_code: str
    authorization_code: str | None
    reasons: tuple[Reason, ...]
    amount: int
    currency: str
    merchant: Merchant
    original_amount: int | None
    original_currency: str | None
    occurred_at: datetime | None
    decided_at: datetime
    balance: Balance | None
    ruleset: str
    account_version: int
    event_id: str
    log_position: int
    events: tuple[TransactionEvent, ...]


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """Some of an account's transactions, newest first.

    Attributes:
        next_cursor: Gives the page after this one; None where there is none.
        as_of_position: The last log position that the list has read.
    """

    items: list[Transaction]
    next_cursor: str | None
    as_of_position: int


class Transactions:
    """How the table is folded from the log."""

    name = "transactions"
    table = "transactions"
    topics = frozenset({AuthorizationApproved.TOPIC, AuthorizationDeclined.TOPIC})

    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        """Add one row for each decision."""
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _COLUMN_LIST)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for logged in events:
                row = list(decision_row(logged))
                row[_REASONS] = orjson.dumps(row[_REASONS]).decode()
                copy.write_row(row)

    def totals(self, connection: psycopg.Connection, table: str) -> tuple[int, Mapping[str, int]]:
        """How many were approved and declined, their amounts, and a checksum of all columns."""
        statement = sql.SQL(
            "SELECT p.position, count(t), count(t) FILTER (WHERE decision = 'approved'),"
            " coalesce(sum(amount), 0)::bigint, coalesce(sum(hashtextextended(t::text, 0)), 0)"
            " FROM projection_positions p LEFT JOIN {} t ON true"
            " WHERE p.name = %s GROUP BY p.position"
        ).format(sql.Identifier(table))
        row = connection.execute(statement, (self.name,)).fetchone()
        assert row is not None
        return int(row[0]), {
            "transactions": int(row[1]),
            "approved": int(row[2]),
            "amount": int(row[3]),
            "checksum": int(row[4]),
        }


TRANSACTIONS = Transactions()


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


_SELECT = sql.SQL("SELECT {} FROM transactions ").format(_COLUMN_LIST)


def list_transactions(
    connection: psycopg.Connection, account_id: AccountId, *, limit: int, cursor: str | None = None
) -> TransactionPage:
    """An account's transactions, newest first.

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
    with connection.cursor(row_factory=dict_row) as rows:
        rows.execute(
            _SELECT
            + sql.SQL(
                "WHERE account_id = %s AND account_version < %s"
                " ORDER BY account_version DESC LIMIT %s"
            ),
            (account_id, before, limit + 1),
        )
        found = rows.fetchall()
    more = len(found) > limit
    items = [_transaction(row) for row in found[:limit]]
    return TransactionPage(items, cursor_at(items[-1].account_version) if more else None, position)


def get_transaction(
    connection: psycopg.Connection, account_id: AccountId, transaction_id: TransactionId
) -> Transaction | None:
    """One transaction; None where there is none, or the read model has not come to it yet."""
    with connection.cursor(row_factory=dict_row) as rows:
        rows.execute(
            _SELECT + sql.SQL("WHERE account_id = %s AND transaction_id = %s"),
            (account_id, transaction_id),
        )
        row = rows.fetchone()
    return None if row is None else _transaction(row)


def _as_of(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "SELECT position FROM projection_positions WHERE name = 'transactions'"
    ).fetchone()
    return int(row[0]) if row else 0


def _transaction(row: DictRow) -> Transaction:
    approved = row["decision"] == "approved"
    decided = AuthorizationApproved.TOPIC if approved else AuthorizationDeclined.TOPIC
    merchant = Merchant(
        row.pop("merchant_id"),
        row.pop("merchant_name"),
        row.pop("merchant_category_code"),
        row.pop("merchant_country"),
    )
    reasons = tuple(
        Reason(**{**reason, "code": ReasonCode(reason["code"])}) for reason in row.pop("reasons")
    )
    limit, posted, pending = (
        row.pop(name) for name in ("credit_limit_after", "posted_after", "pending_after")
    )
    available = None if limit is None else limit - posted - pending
    balance = None if available is None else Balance(limit, posted, pending, available)
    return Transaction(
        **row,
        merchant=merchant,
        reasons=reasons,
        balance=balance,
        events=(
            TransactionEvent(decided, row["event_id"], row["account_version"], row["decided_at"]),
        ),
    )
