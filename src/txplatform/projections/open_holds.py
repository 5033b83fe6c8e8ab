"""The read model of open holds, and the query for holds past their expiry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg
from typing_extensions import override

from txplatform.domain.account import Account
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationIncremented,
    AuthorizationReversed,
    Event,
    HoldExpired,
    PurchaseCleared,
)
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.money import money_change
from txplatform.projections.projection import ExpectedRows, Projection
from txplatform.projections.tables import write_rows


class OpenHold(NamedTuple):
    """A transaction's open hold.

    Attributes:
        amount: Minor units, above 0.
        expires_at: The expiry; None if the hold never expires.
    """

    account_id: AccountId
    transaction_id: TransactionId
    amount: int
    expires_at: datetime | None


@dataclass
class HoldChange:
    """A batch's net change to a hold.

    Attributes:
        amount: The change in minor units.
        expires_at: The expiry of a new hold; None if the hold is not new or never expires.
    """

    account_id: AccountId
    transaction_id: TransactionId
    amount: int = 0
    expires_at: datetime | None = None


_MERGE = """
MERGE INTO {table} t USING {rows} c
ON t.account_id = c.account_id AND t.transaction_id = c.transaction_id
WHEN MATCHED AND t.amount + c.amount = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET amount = t.amount + c.amount
WHEN NOT MATCHED THEN INSERT (account_id, transaction_id, amount, expires_at)
VALUES (c.account_id, c.transaction_id, c.amount, c.expires_at)
"""
"""Applies `HoldChange`s.

If the table has lost a row, releasing its hold would insert a negative amount. The table refuses
negative amounts, so the fold stops until the read model is rebuilt.
"""


class _ExpectedHolds(ExpectedRows):
    @override
    def rows(self, account: Account) -> Iterable[OpenHold]:
        return [OpenHold(account.account_id, of, *hold) for of, hold in account.holds.items()]


class OpenHolds(Projection):
    """The read model of open holds."""

    name = "open_holds"
    table = "open_holds"
    row = OpenHold
    key = ("account_id", "transaction_id")
    events = frozenset(
        {
            AuthorizationApproved,
            AuthorizationIncremented,
            AuthorizationReversed,
            HoldExpired,
            PurchaseCleared,
        }
    )
    totals = (("holds", "count(t)"), ("amount", "sum(amount)"))

    @override
    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        changes = hold_changes([logged.event for logged in events])
        write_rows(connection, _MERGE, table, [each for each in changes.values() if each.amount])

    @override
    def expected(self) -> ExpectedRows:
        return _ExpectedHolds()


OPEN_HOLDS = OpenHolds()


def hold_changes(
    events: Sequence[Event],
) -> dict[tuple[AccountId, TransactionId], HoldChange]:
    """Return the net change to each hold; a transaction has at most one hold."""
    changes: dict[tuple[AccountId, TransactionId], HoldChange] = {}
    for event in events:
        amount = money_change(event).pending
        transaction_id: TransactionId | None
        if isinstance(event, AuthorizationApproved):
            transaction_id, expires_at = event.purchase.transaction_id, event.expires_at
        else:
            transaction_id, expires_at = event.transaction_id, None
        if transaction_id is not None and amount:
            key = account_of(event.originator_id), transaction_id
            change = changes.setdefault(key, HoldChange(*key))
            change.amount += amount
            change.expires_at = expires_at or change.expires_at
    return changes


class DueHold(NamedTuple):
    """A hold past its expiry; sorts by expiry, then by account, then by transaction."""

    expires_at: datetime
    account_id: AccountId
    transaction_id: TransactionId


BEFORE_ALL = DueHold(datetime.min.replace(tzinfo=UTC), AccountId(""), TransactionId(""))

DUE = """
SELECT now(), expires_at, account_id, transaction_id
FROM open_holds
WHERE expires_at <= now() AND (expires_at, account_id, transaction_id) > (%s, %s, %s)
ORDER BY expires_at, account_id, transaction_id
LIMIT %s
"""
"""Reads a range of the partial index, so it reads no more rows than it returns."""


@dataclass(frozen=True, slots=True)
class DueHolds:
    """Holds past their expiry at the database's time `now` (UTC), earliest expiry first."""

    now: datetime
    holds: list[DueHold]


def due_holds(
    connection: psycopg.Connection, *, limit: int, after: DueHold = BEFORE_ALL
) -> DueHolds | None:
    """Return up to `limit` holds past their expiry that sort after `after`; None if there are none.

    The read model may lag, so some of these holds may no longer be open.
    """
    # Planned each time, since a generic plan would read all holds that are due.
    rows = connection.execute(DUE, (*after, limit), prepare=False).fetchall()
    return DueHolds(rows[0][0], [DueHold(*row[1:]) for row in rows]) if rows else None
