"""The SQL of the log, each statement once.

Events are appended by the database function `append_events` (migration 0001), which explains how
the log keeps its order and how conflicts are found.

`LATERAL … OFFSET 0` makes the database look each stream up by the index whatever the planner
believes: with outdated statistics of a table that has grown, it would read the whole log.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from txplatform.advisory_locks import LOG
from txplatform.domain.events import AccountEvent, Event
from txplatform.eventstore.mapper import encode_event
from txplatform.eventstore.snapshot import SNAPSHOT_TOPIC


def _read_streams(*, snapshots: str, after: str, until: str = "true") -> str:
    """Return a statement that reads streams by arrays of ids and versions, each in order.

    Args:
        snapshots: The condition of a snapshot; the newest one comes first.
        after: The version after which events are read if there is no snapshot.
        until: The condition of an event.
    """
    return f"""
WITH stream AS (
    SELECT k.id, k.version, s.originator_version AS snapshot_version, s.topic, s.state
    FROM unnest(%b::text[], %b::bigint[]) AS k (id, version)
    LEFT JOIN LATERAL (
        SELECT originator_version, topic, state
        FROM snapshots
        WHERE {snapshots} AND originator_id = k.id AND topic = '{SNAPSHOT_TOPIC}'
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


def _find_events(column: str, order: str = "") -> str:
    """Return a statement that finds events by arrays of streams and values of a column."""
    return f"""
SELECT e.originator_id, e.originator_version, e.topic, e.state
FROM unnest(%b::text[], %b::text[]) AS wanted (originator_id, {column})
CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state
    FROM events
    WHERE originator_id = wanted.originator_id AND {column} = wanted.{column}
    {order} OFFSET 0
) e
"""  # constants of this module


LOCK_LOG = f"SELECT pg_advisory_xact_lock({LOG})"
"""Takes the log's lock before `APPEND`, so that events can be read and appended under it."""

APPEND = "SELECT append_events(%b, %b::bigint[], %b, %b, %b, %b::text[])"
"""Returns the streams with a conflict, whose events were left out; the others are appended."""

READ_STREAMS = _read_streams(snapshots="k.version = 0", after="stream.version")
"""Reads events after the known versions; at version 0 from the newest snapshot, if any."""

READ_STREAMS_AT = _read_streams(
    snapshots="originator_version <= k.version",
    after="0",
    until="originator_version <= stream.version",
)
"""Reads streams up to these versions, from the newest snapshot that is not newer."""

READ_KEYS = _find_events("event_key")
"""Reads the events with these business keys."""

READ_TRANSACTIONS = _find_events("transaction_id", "ORDER BY originator_version")
"""Reads the events of these transactions without their authorizations, which their keys find."""

INSERT_SNAPSHOTS = """
INSERT INTO snapshots (originator_id, originator_version, topic, state)
SELECT * FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[])
ON CONFLICT DO NOTHING
"""

READ_LOG = """
SELECT originator_id, originator_version, topic, state, position, recorded_at
FROM events
WHERE position > %s
ORDER BY position
LIMIT %s
"""

READ_STREAM = """
SELECT originator_id, originator_version, topic, state, position, recorded_at
FROM events
WHERE originator_id = %s AND originator_version > %s
  AND originator_version <= coalesce(%s::bigint, 9223372036854775807)
ORDER BY originator_version
LIMIT %s
"""
"""Reads a stream's events after a version and up to another one; null means no bound or limit."""

READ_SNAPSHOTS = f"""
SELECT originator_id, originator_version, topic, state
FROM snapshots
WHERE originator_id = %s AND topic = '{SNAPSHOT_TOPIC}' AND originator_version > %s
  AND originator_version <= coalesce(%s::bigint, 9223372036854775807)
ORDER BY originator_version DESC
LIMIT %s
"""  # the topic is a constant of this package
"""Reads a stream's snapshots of this version's shape, bounded likewise, newest first."""

LAST_POSITION = "SELECT coalesce(max(position), 0) FROM events"

StreamRow = tuple[str, int, str, bytes]
"""originator_id, originator_version, topic, state"""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with its place in the log.

    Attributes:
        position: Ascending along the log, with gaps.
        recorded_at: The database's time at the insert, UTC.
    """

    position: int
    recorded_at: datetime
    event: Event


def append_parameters(events: Iterable[AccountEvent]) -> tuple[list[Any], ...]:
    """Return the arrays that `APPEND` takes."""
    return column_arrays(
        (
            event.originator_id,
            event.originator_version,
            event.key,
            event.TOPIC,
            encode_event(event),
            event.transaction_id,
        )
        for event in events
    )


def column_arrays(rows: Iterable[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    """Return one array for each column, for `unnest`; none if there are no rows."""
    return tuple(map(list, zip(*rows, strict=True)))
