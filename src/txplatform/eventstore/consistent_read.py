"""Reads the whole log from one database snapshot, one account's stream after another.

Events that are appended meanwhile are not read.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

import psycopg

from txplatform.database import Database

_READ_EVENTS = """
SELECT position, originator_id, originator_version, event_key, topic, state, recorded_at,
    transaction_id, pending_change, posted_change, expires_at
FROM events
ORDER BY originator_id, originator_version
"""
_FETCH_ROWS = 2000
_REPORT_EVERY = 1000


@dataclass(slots=True)
class StoredRow:
    """A row of the log as stored, not decoded, since decoding an altered row may fail."""

    position: int
    originator_id: str
    originator_version: int
    event_key: str
    topic: str
    state: bytes
    recorded_at: datetime
    transaction_id: str | None
    pending_change: int
    posted_change: int | None
    expires_at: datetime | None


@contextmanager
def consistent_read(
    database: Database, snapshot: str | None = None, *, idle_timeout_s: int = 600
) -> Iterator[psycopg.Connection]:
    """Open a connection in a read-only transaction that reads from one database snapshot.

    Args:
        database: The database, opened as any role that may read.
        snapshot: The id of an exported snapshot; if None, the first statement takes a new snapshot.
        idle_timeout_s: Seconds without a statement after which the server ends the transaction;
            0 for never.
    """
    with database.connect() as connection:
        # Reading the whole log takes longer than the time limit for requests.
        connection.execute("SET statement_timeout = 0")
        connection.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, false)",
            (f"{idle_timeout_s}s",),
        )
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            if snapshot is not None:
                connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'".encode())
            yield connection


def export_snapshot(connection: psycopg.Connection) -> str:
    """Export the transaction's snapshot; the returned id is valid until the transaction ends."""
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    return str(row[0])


def whole_streams(
    connection: psycopg.Connection, advance: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[str, Iterator[StoredRow]]]:
    """Yield each stream's id and rows. Streams are in byte order of their ids, rows by version.

    `advance` reports progress; each call passes the number of rows read since the last call.
    """

    def read() -> Iterator[StoredRow]:
        number = 0
        for number, row in enumerate(cursor, 1):
            yield StoredRow(*row)
            if number % _REPORT_EVERY == 0:
                advance(_REPORT_EVERY)
        advance(number % _REPORT_EVERY)

    with connection.cursor("whole_streams") as cursor:
        cursor.itersize = _FETCH_ROWS
        cursor.execute(_READ_EVENTS, binary=True)
        yield from groupby(read(), attrgetter("originator_id"))


def count_events(connection: psycopg.Connection) -> int:
    """Return the number of events in the log."""
    row = connection.execute("SELECT count(*) FROM events").fetchone()
    return row[0] if row else 0
