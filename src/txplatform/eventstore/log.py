"""Reads the log in order, without skipping an event.

Readers need no lock; the comment on `append_events` in migration 0001 explains why.
"""

from collections.abc import Mapping, Sequence
from typing import LiteralString

import psycopg

from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import (
    LAST_POSITION,
    READ_LOG,
    READ_LOG_OF_STREAMS,
    READ_STREAM,
    LoggedEvent,
)

READ_SIZE = 500
"""The default number of events per read."""


def read_log(
    connection: psycopg.Connection, after: int, limit: int = READ_SIZE
) -> list[LoggedEvent]:
    """Return up to `limit` events after a position, oldest first; empty at the end of the log."""
    return _read(connection, READ_LOG, (after, limit))


def read_log_of_streams(
    connection: psycopg.Connection, streams: Sequence[str], after: int, limit: int = READ_SIZE
) -> list[LoggedEvent]:
    """Return up to `limit` events of these streams after a position in the log, oldest first."""
    parameters = {"streams": list(streams), "after": after, "limit": limit}
    return _read(connection, READ_LOG_OF_STREAMS, parameters)


def read_stream(
    connection: psycopg.Connection, stream: str, after: int, limit: int = READ_SIZE
) -> list[LoggedEvent]:
    """Return up to `limit` events of one stream after a version, oldest first."""
    return _read(connection, READ_STREAM, (stream, after, None, limit))


def _read(
    connection: psycopg.Connection,
    query: LiteralString,
    parameters: tuple[str | int | None, ...] | Mapping[str, object],
) -> list[LoggedEvent]:
    with connection.cursor(binary=True) as cursor:
        cursor.execute(query, parameters, prepare=True)
        return [
            LoggedEvent(position, recorded_at, decode_event(*event))
            for *event, position, recorded_at in cursor
        ]


def last_position(connection: psycopg.Connection) -> int:
    """Return the position of the newest event; 0 if the log is empty."""
    row = connection.execute(LAST_POSITION).fetchone()
    return row[0] if row else 0
