"""The holds past their expiry, from the read model of transactions."""

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
SELECT expires_at, account_id, transaction_id
FROM transactions
WHERE held > 0 AND expires_at IS NOT NULL
  AND expires_at <= %s AND (expires_at, account_id, transaction_id) > (%s, %s, %s)
ORDER BY expires_at, account_id, transaction_id
LIMIT %s
"""
"""Reads a range of the partial index, so it reads no more rows than it returns."""


def due_holds(
    connection: psycopg.Connection, now: datetime, *, limit: int, after: DueHold = BEFORE_ALL
) -> list[DueHold]:
    """Return up to `limit` holds past their expiry at `now` that sort after `after`, in order.

    The read model may lag, so some of these holds may no longer be open.
    """
    # Planned each time, since a generic plan would read all holds that are due.
    rows = connection.execute(DUE, (now, *after, limit), prepare=False).fetchall()
    return [DueHold(*row) for row in rows]
