"""Our tables as the eventsourcing library sees them: one recorder for events, one for snapshots.

The library's own statements are replaced, for three reasons: columns are named, so that an
added one breaks nothing; the log's order is kept by an advisory lock, which does not wait
behind VACUUM; and business keys are unique within the stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import AggregateRecorder, IntegrityError, StoredEvent

from txplatform.eventstore.mapper import StoredAccountEvent
from txplatform.eventstore.statements import (
    APPEND,
    INSERT_SNAPSHOTS,
    READ_SNAPSHOTS,
    READ_STREAM,
    columns_of,
)


class EventRecorder(AggregateRecorder):
    """Appends account events to the log and reads them, stream by stream."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Append, all or nothing.

        Raises:
            IntegrityError: A version or a business key exists already; nothing was appended.
        """
        columns = columns_of(
            (
                event.originator_id,
                event.originator_version,
                event.event_key,
                event.topic,
                event.state,
                event.transaction_id,
            )
            for event in cast("Sequence[StoredAccountEvent]", stored_events)
        )
        if columns:
            with self._connection.transaction():
                (conflicts,) = self._connection.execute(APPEND, columns).fetchone() or ((),)
                if conflicts:
                    raise IntegrityError(f"a version or a business key exists in {conflicts}")
        return None

    def select_events(  # the library's
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(READ_STREAM, (originator_id, gt or 0, lte, None if desc else limit))
            events = [
                StoredEvent(stream, version, topic, state)
                for _, stream, version, topic, state, _ in cursor
            ]
        return events[::-1][:limit] if desc else events


class SnapshotRecorder(AggregateRecorder):
    """Stores snapshots, and reads those of this version's shape."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Store; a snapshot that exists already is left as it is."""
        columns = columns_of(
            (event.originator_id, event.originator_version, event.topic, event.state)
            for event in stored_events
        )
        if columns:
            self._connection.execute(INSERT_SNAPSHOTS, columns)
        return None

    def select_events(  # the library's
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(READ_SNAPSHOTS, (originator_id, gt or 0, lte, limit if desc else None))
            snapshots = [StoredEvent(*row) for row in cursor]
        return snapshots if desc else snapshots[::-1][:limit]
