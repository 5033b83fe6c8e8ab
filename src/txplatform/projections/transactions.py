"""The read model of transactions by account: its rows, their fold, and what is asked of them.

It may lag behind the log; every page says up to which log position it goes.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson
from psycopg import sql
from psycopg.rows import class_row

from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.domain.money import Balance
from txplatform.domain.purchase import Merchant
from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.errors import TxPlatformError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import psycopg

    from txplatform.eventstore.statements import LoggedEvent

Decision = Literal["approved", "declined"]


class InvalidCursorError(TxPlatformError):
    """A cursor that no page of this list has given out.

    Attributes:
        reason: What is wrong with it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The cursor is not valid.",
            why=f"It {reason}.",
            next_step="Use next_cursor of the page before, unchanged, or none for the first page.",
        )
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A row of the table; money in minor units, times in UTC.

    Attributes:
        reasons: JSON, each a domain `Reason`, most important first.
        credit_limit_after: The money after it; None where there was no account.
    """

    account_id: str
    transaction_id: str
    account_version: int
    log_position: int
    event_id: str
    decision: Decision
    response_code: str
    authorization_code: str | None
    reasons: list[dict[str, Any]]
    amount: int
    currency: str
    merchant_id: str
    merchant_name: str
    merchant_category_code: str
    merchant_country: str
    original_amount: int | None
    original_currency: str | None
    occurred_at: datetime | None
    decided_at: datetime
    ruleset: str
    credit_limit_after: int | None
    posted_after: int | None
    pending_after: int | None


COLUMNS = tuple(TransactionRow.__dataclass_fields__)
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
        *((None,) * 3 if balance is None else (balance.credit_limit, balance.posted, balance.pending)),
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
    before = 2**63 - 1 if cursor is None else _version_of(cursor)
    # The position first: rows that come in between are more than is promised, never less.
    position = _as_of(connection)
    with connection.cursor(row_factory=class_row(TransactionRow)) as rows:
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
    return TransactionPage(items, _cursor_after(items[-1]) if more else None, position)


def get_transaction(
    connection: psycopg.Connection, account_id: AccountId, transaction_id: TransactionId
) -> Transaction | None:
    """One transaction; None where there is none, or the read model has not come to it yet."""
    with connection.cursor(row_factory=class_row(TransactionRow)) as rows:
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


def _transaction(row: TransactionRow) -> Transaction:
    approved = row.decision == "approved"
    decided = AuthorizationApproved.TOPIC if approved else AuthorizationDeclined.TOPIC
    return Transaction(
        transaction_id=TransactionId(row.transaction_id),
        account_id=AccountId(row.account_id),
        decision=row.decision,
        response_code=row.response_code,
        authorization_code=row.authorization_code,
        reasons=tuple(
            Reason(**{**reason, "code": ReasonCode(reason["code"])}) for reason in row.reasons
        ),
        amount=row.amount,
        currency=row.currency,
        merchant=Merchant(
            row.merchant_id, row.merchant_name, row.merchant_category_code, row.merchant_country
        ),
        original_amount=row.original_amount,
        original_currency=row.original_currency,
        occurred_at=row.occurred_at,
        decided_at=row.decided_at,
        balance=_balance_after(row),
        ruleset=row.ruleset,
        account_version=row.account_version,
        event_id=row.event_id,
        log_position=row.log_position,
        events=(TransactionEvent(decided, row.event_id, row.account_version, row.decided_at),),
    )


def _balance_after(row: TransactionRow) -> Balance | None:
    limit, posted, pending = row.credit_limit_after, row.posted_after, row.pending_after
    if limit is None or posted is None or pending is None:
        return None
    return Balance(limit, posted, pending, limit - posted - pending)


def _cursor_after(transaction: Transaction) -> str:
    version = str(transaction.account_version).encode()
    return base64.urlsafe_b64encode(version).rstrip(b"=").decode()


_LONGEST_CURSOR = 26
"""Base64 of a 64-bit number's 19 digits, without padding."""


def _version_of(cursor: str) -> int:
    if len(cursor) > _LONGEST_CURSOR:
        raise InvalidCursorError(f"has more than {_LONGEST_CURSOR} characters")
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        digits = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidCursorError("is not base64url") from None
    if not digits.isdigit() or int(digits) not in range(1, 2**63):
        raise InvalidCursorError("does not name a place in this list")
    return int(digits)
