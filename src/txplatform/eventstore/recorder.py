"""Recorders, through which the eventsourcing library reads events and snapshots.

The library's own recorders select all columns, so adding a column would break them. Events are
appended by a unit of work (`processing/unit_of_work.py`), never through the library.
"""

from collections.abc import Sequence
from typing import Any, LiteralString, NoReturn
from uuid import UUID

import psycopg
from eventsourcing.persistence import AggregateRecorder, StoredEvent
from typing_extensions import override

from txplatform.eventstore.statements import READ_SNAPSHOTS, READ_STREAM


class _TableRecorder(AggregateRecorder):
    """A recorder that reads one table.

    Attributes:
        read: The SELECT; its parameters are stream, version to start after, last version and limit.
        newest_first: True if the statement returns the newest rows first.
    """

    read: LiteralString
    newest_first: bool

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    @override
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        in_order = desc is self.newest_first
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(self.read, (originator_id, gt or 0, lte, limit if in_order else None))
            events = [StoredEvent(*row[:4]) for row in cursor]
        return events if in_order else events[::-1][:limit]

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> NoReturn:
        raise NotImplementedError("Append events through a unit of work.")


class EventRecorder(_TableRecorder):
    """Reads the events of one account."""

    read = READ_STREAM
    newest_first = False


class SnapshotRecorder(_TableRecorder):
    """Reads the snapshots of one account; ignores snapshots with outdated fields."""

    read = READ_SNAPSHOTS
    newest_first = True
