"""The holds past their expiry, from the read model of transactions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg

from txplatform.domain.ids import AccountId, TransactionId


class DueHold(NamedTuple):
    """A hold past its expiry; sorts by expiry, then by account, then by transaction."""

    expires_at: datetime
    account_id: AccountId
    transaction_id: TransactionId


BEFORE_ALL = DueHold(datetime.min.replace(tzinfo=UTC), AccountId(""), TransactionId(""))

DUE = """
SELECT now(), expires_at, account_id, transaction_id
FROM transactions
WHERE held > 0 AND expires_at IS NOT NULL
  AND expires_at <= now() AND (expires_at, account_id, transaction_id) > (%s, %s, %s)
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
