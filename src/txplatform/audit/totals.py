"""Sums of events in SQL, from the stored JSON: a second opinion that shares no code with replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

_SUMS = """
SELECT originator_id,
       count(*),
       coalesce(sum((convert_from(state, 'UTF8')::json -> 'payment_return' ->> 'amount')::numeric)
                FILTER (WHERE topic = 'payment-returned'), 0)
     - coalesce(sum((convert_from(state, 'UTF8')::json -> 'payment' ->> 'amount')::numeric)
                FILTER (WHERE topic = 'payment-received'), 0),
       coalesce(sum((convert_from(state, 'UTF8')::json -> 'purchase' ->> 'amount')::numeric)
                FILTER (WHERE topic = 'authorization-approved'), 0)
FROM events
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
