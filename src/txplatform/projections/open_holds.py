"""The read model of open holds: its rows, their fold, and which of them are due.

The fold is arithmetic of its own, not the account's, so that comparing the two means
something (`txplatform verify`, invariant I1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg
from psycopg import sql

from txplatform.domain.events import (
    AccountEvent,
    AuthorizationApproved,
    AuthorizationIncremented,
    AuthorizationReversed,
    HoldExpired,
    PurchaseCleared,
)
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.eventstore.statements import LoggedEvent

HoldKey = tuple[AccountId, TransactionId]


class OpenHold(NamedTuple):
    """What a transaction holds; the table's columns in order.

    Attributes:
        amount: Minor units, above 0.
        expires_at: When it ends by itself, UTC; None for never.
    """

    account_id: AccountId
    transaction_id: TransactionId
    amount: int
    expires_at: datetime | None


COLUMNS = OpenHold._fields


@dataclass(slots=True)
class HoldChange:
    """What a batch of events changes of one hold.

    Attributes:
        amount: Is added to it, minor units.
        expires_at: Of a hold that begins in the batch.
    """

    amount: int = 0
    expires_at: datetime | None = None


# A release of what is not there would make a row below 0, which the table refuses: a read model
# that has lost a row stops and says so.
_MERGE = sql.SQL("""
MERGE INTO {} AS h
USING unnest(%s::text[], %s::text[], %s::bigint[], %s::timestamptz[])
    AS c (account_id, transaction_id, amount, expires_at)
ON h.account_id = c.account_id AND h.transaction_id = c.transaction_id
WHEN MATCHED AND h.amount + c.amount = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET amount = h.amount + c.amount
WHEN NOT MATCHED THEN INSERT (account_id, transaction_id, amount, expires_at)
VALUES (c.account_id, c.transaction_id, c.amount, c.expires_at)
""")


class OpenHolds:
    """How the table is folded from the log."""

    name = "open_holds"
    table = "open_holds"
    topics = frozenset(
        event_type.TOPIC
        for event_type in (
            AuthorizationApproved,
            AuthorizationIncremented,
            AuthorizationReversed,
            HoldExpired,
            PurchaseCleared,
        )
    )
    totals = (("holds", "count(t)"), ("amount", "sum(amount)"))

    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        """Add up what the events change and apply it hold by hold."""
        rows = [
            (*key, change.amount, change.expires_at)
            for key, change in hold_changes([logged.event for logged in events]).items()
            if change.amount
        ]
        if rows:
            columns = tuple(map(list, zip(*rows, strict=True)))
            connection.execute(_MERGE.format(sql.Identifier(table)), columns)


OPEN_HOLDS = OpenHolds()


def hold_changes(events: Sequence[AccountEvent]) -> dict[HoldKey, HoldChange]:
    """What these events change, by hold; a transaction holds once, so it begins once."""
    changes: dict[HoldKey, HoldChange] = {}
    for event in events:
        transaction_id, amount = _change(event)
        if transaction_id is None or amount == 0:
            continue
        key = account_of(event.originator_id), transaction_id
        change = changes.setdefault(key, HoldChange())
        change.amount += amount
        if isinstance(event, AuthorizationApproved):
            change.expires_at = event.expires_at
    return changes


def _change(event: AccountEvent) -> tuple[TransactionId | None, int]:
    """The transaction, and what the event adds to its hold, minor units."""
    match event:
        case AuthorizationApproved(purchase=purchase, hold=hold):
            return purchase.transaction_id, purchase.amount if hold is None else hold
        case AuthorizationIncremented(increment=increment):
            return increment.transaction_id, increment.amount
        case AuthorizationReversed() | PurchaseCleared() | HoldExpired():
            return event.transaction_id, -event.released
        case _:
            return None, 0


class DueHold(NamedTuple):
    """A hold whose time has come; in the order in which they are looked up."""

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
"""Read along the index from a place on, so that each row read is a row given."""


@dataclass(frozen=True, slots=True)
class DueHolds:
    """Holds whose time has come, those overdue longest first.

    Attributes:
        now: The database's time by which they are due, UTC.
    """

    now: datetime
    holds: list[DueHold]


def due_holds(
    connection: psycopg.Connection, *, limit: int, after: DueHold = BEFORE_ALL
) -> DueHolds | None:
    """The next holds that are due, behind `after`; None where there is none.

    The read model may lag: what it holds may have ended already.
    """
    # Planned each time: a plan for any limit would read all that is due.
    rows = connection.execute(DUE, (*after, limit), prepare=False).fetchall()
    return DueHolds(rows[0][0], [DueHold(*row[1:]) for row in rows]) if rows else None
