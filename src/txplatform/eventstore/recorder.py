"""Recorders of the eventsourcing library for the tables of events and snapshots.

They replace the library's own statements for three reasons. Columns are named, so that an added
column breaks nothing. An advisory lock keeps the log's order and does not wait behind VACUUM.
Business keys are unique within a stream.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, LiteralString, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import AggregateRecorder, IntegrityError, StoredEvent

from txplatform.eventstore.mapper import StoredAccountEvent
from txplatform.eventstore.statements import (
    APPEND,
    INSERT_SNAPSHOTS,
    READ_SNAPSHOTS,
    READ_STREAM,
    column_arrays,
)


class _TableRecorder(AggregateRecorder):
    """A recorder that reads one table.

    Attributes:
        READ: Takes a stream, the versions after which and up to which it is read, and a limit.
        NEWEST_FIRST: The order of its rows.
    """

    READ: ClassVar[LiteralString]
    NEWEST_FIRST: ClassVar[bool]

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        in_order = desc is self.NEWEST_FIRST
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(self.READ, (originator_id, gt or 0, lte, limit if in_order else None))
            events = [StoredEvent(*row[:4]) for row in cursor]
        return events if in_order else events[::-1][:limit]


class EventRecorder(_TableRecorder):
    """Appends account events to the log and reads them, stream by stream."""

    READ = READ_STREAM
    NEWEST_FIRST = False

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Append all events or none.

        Raises:
            IntegrityError: A version or a business key exists already.
        """
        columns = column_arrays(
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


class SnapshotRecorder(_TableRecorder):
    """Stores snapshots, and reads those of this version's shape."""

    READ = READ_SNAPSHOTS
    NEWEST_FIRST = True

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Store snapshots that do not exist yet."""
        columns = column_arrays(
            (event.originator_id, event.originator_version, event.topic, event.state)
            for event in stored_events
        )
        if columns:
            self._connection.execute(INSERT_SNAPSHOTS, columns)
        return None
