"""Reads the log from any position on, in order, without ever skipping one.

No lock is needed: see `append_events` in migration 0001.
"""

from __future__ import annotations

from typing import LiteralString

import psycopg

from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import (
    LAST_POSITION,
    READ_LOG,
    READ_STREAM,
    LoggedEvent,
)

READ_SIZE = 500
"""Events in one read, by default."""


def read_log(
    connection: psycopg.Connection, after: int, limit: int = READ_SIZE
) -> list[LoggedEvent]:
    """The events behind a position, oldest first; empty at the end of the log."""
    return _read(connection, READ_LOG, (after, limit))


def read_stream(
    connection: psycopg.Connection, stream: str, after: int, limit: int = READ_SIZE
) -> list[LoggedEvent]:
    """One stream's events behind a version, oldest first."""
    return _read(connection, READ_STREAM, (stream, after, None, limit))


def _read(
    connection: psycopg.Connection, query: LiteralString, parameters: tuple[str | int | None, ...]
) -> list[LoggedEvent]:
    with connection.cursor(binary=True) as cursor:
        cursor.execute(query, parameters, prepare=True)
        return [
            LoggedEvent(position, recorded_at, decode_event(stream, version, topic, state))
            for position, stream, version, topic, state, recorded_at in cursor
        ]


def last_position(connection: psycopg.Connection) -> int:
    """The newest position of the log; 0 where it is empty."""
    row = connection.execute(LAST_POSITION).fetchone()
    return row[0] if row else 0
