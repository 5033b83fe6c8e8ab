"""Sums of events in SQL, from the stored JSON: a second opinion that shares no code with replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

_SUMS = """
SELECT originator_id,
       count(*),
       coalesce(sum(CASE topic
           WHEN 'payment-received' THEN -(facts -> 'payment' ->> 'amount')::numeric
           WHEN 'payment-returned' THEN (facts -> 'payment_return' ->> 'amount')::numeric
           WHEN 'purchase-cleared' THEN (facts -> 'clearing' ->> 'amount')::numeric
           WHEN 'purchase-refunded' THEN -(facts -> 'refund' ->> 'amount')::numeric
           WHEN 'clearing-corrected' THEN (facts -> 'correction' ->> 'amount')::numeric
               * CASE facts -> 'correction' ->> 'direction' WHEN 'debit' THEN 1 ELSE -1 END
       END), 0),
       coalesce(sum(CASE topic
           WHEN 'authorization-approved'
               THEN coalesce(facts ->> 'hold', facts -> 'purchase' ->> 'amount')::numeric
           WHEN 'authorization-incremented' THEN (facts -> 'increment' ->> 'amount')::numeric
           WHEN 'authorization-reversed' THEN -(facts ->> 'released')::numeric
           WHEN 'purchase-cleared' THEN -(facts ->> 'released')::numeric
           WHEN 'hold-expired' THEN -(facts ->> 'released')::numeric
       END), 0)
FROM events, LATERAL (SELECT convert_from(state, 'UTF8')::json AS facts) AS stored
GROUP BY originator_id
ORDER BY originator_id
"""
_FETCH_ROWS = 200


@dataclass(frozen=True, slots=True)
class EventSums:
    """What an account's events add up to, minor units."""

    stream: str
    events: int
    posted: int
    pending: int


def event_sums(connection: psycopg.Connection) -> Iterator[EventSums]:
    """The sums of every stream, in order of their ids' bytes.

    Args:
        connection: In a transaction.

    Raises:
        psycopg.DataError: Stored bytes are not the JSON of an event.
    """
    with connection.cursor("event_sums") as cursor:
        cursor.itersize = _FETCH_ROWS
        cursor.execute(_SUMS)
        for stream, events, posted, pending in cursor:
            yield EventSums(stream, events, int(posted), int(pending))
