"""Reads every stream from its first event, one stream after the other: for replaying all.

The events are those of one moment, the caller's snapshot, however long the reading takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

import psycopg

from txplatform.eventstore.moment import counted

_READ_EVENTS = """
SELECT position, originator_id, originator_version, event_key, topic, state, recorded_at,
    transaction_id
FROM events
ORDER BY originator_id, originator_version
"""
_FETCH_ROWS = 2000


@dataclass(slots=True)
class StoredRow:
    """A row of the log as it is stored, not decoded: it may have been tampered with."""

    position: int
    originator_id: str
    originator_version: int
    event_key: str
    topic: str
    state: bytes
    recorded_at: datetime
    transaction_id: str | None = None


def whole_streams(
    connection: psycopg.Connection, advance: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[str, Iterator[StoredRow]]]:
    """Read every stream's rows in order of version, streams in order of their ids' bytes.

    Args:
        connection: Of a `moment`.
        advance: Is called with the number of rows read since the last call.
    """
    with connection.cursor("whole_streams") as cursor:
        cursor.itersize = _FETCH_ROWS
        cursor.execute(_READ_EVENTS, binary=True)
        rows = (StoredRow(*row) for row in counted(cursor, advance))
        yield from groupby(rows, attrgetter("originator_id"))


def count_events(connection: psycopg.Connection) -> int:
    """How many events the log holds."""
    row = connection.execute("SELECT count(*) FROM events").fetchone()
    return row[0] if row else 0
