"""The SQL of the log, once: what the synchronous recorder and the decision lanes both run.

Appending itself is the database function `append_events` (migration 0001): how the log keeps
its order and how a conflict is found are said there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from txplatform.advisory_locks import LOG
from txplatform.domain.events import AccountEvent, Event
from txplatform.eventstore.mapper import encode_event
from txplatform.eventstore.snapshot import SNAPSHOT_TOPIC

LOCK_LOG = f"SELECT pg_advisory_xact_lock({LOG})"
"""Take the log's lock ahead of `APPEND`, to read and append under it."""

APPEND = "SELECT append_events(%b, %b::bigint[], %b, %b, %b, %b::text[])"
"""Gives the streams that were left out; the others are appended."""

READ_STREAMS = f"""
WITH known AS (
    SELECT k.originator_id, k.version, s.originator_version AS snapshot_version, s.topic, s.state
    FROM unnest(%b::text[], %b::bigint[]) AS k (originator_id, version)
    LEFT JOIN LATERAL (
        SELECT originator_version, topic, state
        FROM snapshots
        WHERE k.version = 0 AND originator_id = k.originator_id AND topic = '{SNAPSHOT_TOPIC}'
        ORDER BY originator_version DESC
        LIMIT 1
    ) s ON true
)
SELECT originator_id, snapshot_version AS originator_version, topic, state
FROM known WHERE snapshot_version IS NOT NULL
UNION ALL
SELECT e.originator_id, e.originator_version, e.topic, e.state
FROM known CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state
    FROM events
    WHERE originator_id = known.originator_id
      AND originator_version > coalesce(known.snapshot_version, known.version)
    ORDER BY originator_version
    OFFSET 0
) e
ORDER BY originator_id, originator_version
"""  # the topic is a constant of this package
"""What is newer than the versions known, stream by stream, in order.

Where nothing is known (version 0) the newest snapshot, if any, comes first.

`LATERAL … OFFSET 0`, here and below, has each stream looked up by the index whatever the planner
believes: with the statistics of a table that has grown since, it would read the whole log.
"""

READ_STREAMS_AT = f"""
WITH wanted AS (
    SELECT w.originator_id, w.version, s.originator_version AS snapshot_version, s.topic, s.state
    FROM unnest(%b::text[], %b::bigint[]) AS w (originator_id, version)
    LEFT JOIN LATERAL (
        SELECT originator_version, topic, state
        FROM snapshots
        WHERE originator_id = w.originator_id AND topic = '{SNAPSHOT_TOPIC}'
          AND originator_version <= w.version
        ORDER BY originator_version DESC
        LIMIT 1
    ) s ON true
)
SELECT originator_id, snapshot_version AS originator_version, topic, state
FROM wanted WHERE snapshot_version IS NOT NULL
UNION ALL
SELECT e.originator_id, e.originator_version, e.topic, e.state
FROM wanted CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state
    FROM events
    WHERE originator_id = wanted.originator_id
      AND originator_version > coalesce(wanted.snapshot_version, 0)
      AND originator_version <= wanted.version
    ORDER BY originator_version
    OFFSET 0
) e
ORDER BY originator_id, originator_version
"""  # the topic is a constant of this package
"""What streams hold up to these versions, each in order, from its newest snapshot of then on."""

READ_KEYS = """
SELECT e.originator_id, e.originator_version, e.topic, e.state
FROM unnest(%b::text[], %b::text[]) AS wanted (originator_id, event_key)
CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state
    FROM events
    WHERE originator_id = wanted.originator_id AND event_key = wanted.event_key
    OFFSET 0
) e
"""
"""The events that hold these business keys."""

READ_TRANSACTIONS = """
SELECT e.originator_id, e.originator_version, e.topic, e.state
FROM unnest(%b::text[], %b::text[]) AS wanted (originator_id, transaction_id)
CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state
    FROM events
    WHERE originator_id = wanted.originator_id AND transaction_id = wanted.transaction_id
    ORDER BY originator_version
    OFFSET 0
) e
"""
"""What is recorded of these transactions beside their authorizations, which have keys."""

INSERT_SNAPSHOTS = """
INSERT INTO snapshots (originator_id, originator_version, topic, state)
SELECT * FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[])
ON CONFLICT DO NOTHING
"""

READ_LOG = """
SELECT position, originator_id, originator_version, topic, state, recorded_at
FROM events
WHERE position > %s
ORDER BY position
LIMIT %s
"""

READ_STREAM = """
SELECT position, originator_id, originator_version, topic, state, recorded_at
FROM events
WHERE originator_id = %s AND originator_version > %s
  AND originator_version <= coalesce(%s::bigint, 9223372036854775807)
ORDER BY originator_version
LIMIT %s
"""
"""One stream's events behind a version and up to another; null for all, and for no limit."""

READ_SNAPSHOTS = f"""
SELECT originator_id, originator_version, topic, state
FROM snapshots
WHERE originator_id = %s AND topic = '{SNAPSHOT_TOPIC}' AND originator_version > %s
  AND originator_version <= coalesce(%s::bigint, 9223372036854775807)
ORDER BY originator_version DESC
LIMIT %s
"""  # the topic is a constant of this package
"""One stream's snapshots in this version's shape, likewise, the newest first."""

LAST_POSITION = "SELECT coalesce(max(position), 0) FROM events"

StoredRow = tuple[str, int, str, bytes]
"""originator_id, originator_version, topic, state"""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with its place in the log.

    Attributes:
        position: Grows along the log, with gaps.
        recorded_at: The database's time at the insert, UTC.
    """

    position: int
    recorded_at: datetime
    event: Event


def append_parameters(events: Iterable[AccountEvent]) -> tuple[list[Any], ...]:
    """The arrays that `APPEND` takes."""
    return columns_of(
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


def columns_of(rows: Iterable[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    """One array a column, for `unnest`; none if there are no rows."""
    return tuple(map(list, zip(*rows, strict=True)))


def name_parameters(names: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """The arrays that `READ_KEYS` and `READ_TRANSACTIONS` take, from names by stream."""
    pairs = [(stream, name) for stream, of_stream in names.items() for name in of_stream]
    return [stream for stream, _ in pairs], [name for _, name in pairs]
