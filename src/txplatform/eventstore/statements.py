"""The SQL statements for the log and the snapshots.

The database function `append_events` appends events. Migration 0001 explains how the function
keeps the log in order and detects conflicts.

`LATERAL … OFFSET 0` forces an index look-up for each stream. Without it, the planner may read the
whole log if the table has grown since its statistics were collected.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from txplatform.advisory_locks import LOG
from txplatform.binary_arrays import (
    BigintArray,
    BinaryArray,
    ByteaArray,
    TextArray,
    TimestamptzArray,
)
from txplatform.domain.events import AccountEvent, Event
from txplatform.eventstore.mapper import encode_event
from txplatform.eventstore.snapshot import SNAPSHOT_TOPIC

_IN_LOG = """event_sha256 = (
    SELECT sha256(e.state) FROM events e
    WHERE e.originator_id = snapshots.originator_id
        AND e.originator_version = snapshots.originator_version
)"""
"""SQL condition that the log still has the event after which a snapshot was taken.

A failover or a restore may lose the log's last events but not the snapshots taken after them.
"""


def _read_streams(*, snapshots: str, after: str, until: str = "true") -> str:
    """Return a statement that reads streams; its parameters are their ids and their versions.

    Args:
        snapshots: SQL condition. A stream starts from its newest snapshot that meets the condition.
        after: SQL expression. Without such a snapshot, events after this version are read.
        until: SQL condition that all events read must meet.
    """
    return f"""
WITH stream AS (
    SELECT k.id, k.version, s.originator_version AS snapshot_version, s.topic, s.state
    FROM unnest(%b::text[], %b::bigint[]) AS k (id, version)
    LEFT JOIN LATERAL (
        SELECT originator_version, topic, state
        FROM snapshots
        WHERE {snapshots} AND originator_id = k.id AND topic = '{SNAPSHOT_TOPIC}' AND {_IN_LOG}
        ORDER BY originator_version DESC
        LIMIT 1
    ) s ON true
)
SELECT id AS originator_id, snapshot_version AS originator_version, topic, state
FROM stream WHERE snapshot_version IS NOT NULL
UNION ALL
SELECT e.originator_id, e.originator_version, e.topic, e.state
FROM stream CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state
    FROM events
    WHERE originator_id = stream.id
      AND originator_version > coalesce(stream.snapshot_version, {after}) AND {until}
    ORDER BY originator_version
    OFFSET 0
) e
ORDER BY originator_id, originator_version
"""  # constants of this module


def row_equals(columns: LiteralString, values: LiteralString) -> LiteralString:
    """Return the SQL condition that a row of columns equals a row of values.

    Only an index that begins with the first column can serve a comparison of rows. For `=`, the
    planner could use the primary key of the log, and read the whole history of an account.
    """
    return f"({columns}) >= ({values}) AND ({columns}) <= ({values})"


def _find_events(column: LiteralString) -> str:
    """Return a statement that finds events; its parameters are stream ids and values of `column`.

    The index of transactions has no nulls, so the statement has to exclude them.
    """
    return f"""
SELECT e.originator_id, e.originator_version, e.topic, e.state
FROM unnest(%b::text[], %b::text[]) AS wanted (originator_id, {column})
CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state
    FROM events
    WHERE {row_equals(f"{column}, originator_id", f"wanted.{column}, wanted.originator_id")}
      AND {column} IS NOT NULL
    ORDER BY {column}, originator_id
    OFFSET 0
) e
"""  # constants of this module


LOCK_LOG = f"SELECT pg_advisory_xact_lock({LOG})"
"""Takes the log's lock until the transaction ends; `APPEND` takes the same lock."""

APPEND = "SELECT append_events(%b, %b, %b, %b, %b, %b, %b, %b, %b)"
"""Appends events, and returns the streams with a conflict, whose events were left out."""

READ_STREAMS = _read_streams(snapshots="k.version = 0", after="stream.version")
"""Reads the events after given versions. Version 0 starts from the newest snapshot, if any."""

READ_STREAMS_AT = _read_streams(
    snapshots="originator_version <= k.version",
    after="0",
    until="originator_version <= stream.version",
)
"""Reads streams up to given versions, each from the newest snapshot up to its version."""

READ_KEYS = _find_events("event_key")
"""Reads the events with given business keys."""

READ_TRANSACTIONS = _find_events("transaction_id")
"""Reads the events of transactions except authorizations, for which `READ_KEYS` is used."""

STORE_SNAPSHOTS = "SELECT store_snapshots(%b::text[], %b::bigint[], %b::text[], %b, %b)"
"""Stores snapshots whose events are in the log, and deletes old ones (migration 0002)."""

READ_LOG = """
SELECT originator_id, originator_version, topic, state, position, recorded_at
FROM events
WHERE position > %s
ORDER BY position
LIMIT %s
"""

READ_LOG_OF_STREAMS = """
WITH RECURSIVE search (stream, low, high) AS (
    SELECT k.id, newest.version * (newest.position <= %(after)s)::int,
        newest.version + (newest.position <= %(after)s)::int
    FROM unnest(%(streams)s::text[]) AS k (id) CROSS JOIN LATERAL (
        SELECT originator_version AS version, position FROM events
        WHERE originator_id = k.id ORDER BY originator_version DESC LIMIT 1
    ) newest
    UNION ALL
    SELECT stream, CASE WHEN m.position <= %(after)s THEN m.version ELSE low END,
        CASE WHEN m.position <= %(after)s THEN high ELSE m.version END
    FROM search CROSS JOIN LATERAL (
        SELECT originator_version AS version, position FROM events
        WHERE originator_id = stream AND originator_version = (low + high) / 2
        OFFSET 0
    ) m
    WHERE high - low > 1
), following AS (
    SELECT e.originator_id, e.originator_version, e.position
    FROM search CROSS JOIN LATERAL (
        SELECT originator_id, originator_version, position FROM events
        WHERE originator_id = stream AND originator_version >= high
        ORDER BY originator_version LIMIT %(limit)s
    ) e
    WHERE high - low = 1
    ORDER BY e.position LIMIT %(limit)s
)
SELECT e.originator_id, e.originator_version, e.topic, e.state, e.position, e.recorded_at
FROM following f CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state, position, recorded_at FROM events
    WHERE originator_id = f.originator_id AND originator_version = f.originator_version
    OFFSET 0
) e
ORDER BY e.position
"""
"""Reads the events of streams after a position, in the order of the log.

Versions have no gaps, and positions ascend with them, so bisection finds the first version after
the position: it ends when `high - low = 1`, and `high` is that version. If a stream's newest event
is not after the position, the first query already shows it.
"""

READ_STREAM = """
SELECT originator_id, originator_version, topic, state, position, recorded_at
FROM events
WHERE originator_id = %s AND originator_version > %s
  AND originator_version <= coalesce(%s::bigint, 9223372036854775807)
ORDER BY originator_version
LIMIT %s
"""
"""Reads a stream's events after one version and up to another; null means no bound or limit."""

READ_SNAPSHOTS = f"""
SELECT originator_id, originator_version, topic, state
FROM snapshots
WHERE originator_id = %s AND topic = '{SNAPSHOT_TOPIC}' AND {_IN_LOG} AND originator_version > %s
  AND originator_version <= coalesce(%s::bigint, 9223372036854775807)
ORDER BY originator_version DESC
LIMIT %s
"""  # the topic is a constant of this package
"""Reads a stream's snapshots of the current shape, newest first; parameters as `READ_STREAM`."""

LAST_POSITION = "SELECT coalesce(max(position), 0) FROM events"

StreamRow = tuple[str, int, str, bytes]
"""originator_id, originator_version, topic, state"""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with its position in the log.

    Attributes:
        position: Positions ascend, with gaps.
        recorded_at: When the event was inserted, by the database's clock, UTC.
    """

    position: int
    recorded_at: datetime
    event: Event


def append_parameters(events: Sequence[AccountEvent]) -> tuple[BinaryArray, ...]:
    """Return the parameters of `APPEND` for these events."""
    return (
        TextArray.of([event.originator_id for event in events]),
        BigintArray.of([event.originator_version for event in events]),
        TextArray.of([event.key for event in events]),
        TextArray.of([event.TOPIC for event in events]),
        ByteaArray.of([encode_event(event) for event in events]),
        TextArray.of([event.indexed_under for event in events]),
        BigintArray.of([event.pending_change for event in events]),
        BigintArray.of([event.posted_change or None for event in events]),
        TimestamptzArray.of([event.hold_expires_at for event in events]),
    )


def column_arrays(rows: Iterable[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    """Return one array per column, for `unnest`; an empty tuple if there are no rows."""
    return tuple(map(list, zip(*rows, strict=True)))
