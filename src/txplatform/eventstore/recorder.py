"""Recorders, through which the eventsourcing library reads events and snapshots.

The library's own recorders select all columns, so adding a column would break them. Events are
appended by a unit of work (`processing/unit_of_work.py`), never through the library. The library's
own test cases for recorders pass on both (`tests/integration/test_recorder_cases.py`).
"""

from collections.abc import Sequence
from typing import Any, LiteralString, NoReturn
from uuid import UUID

import psycopg
from eventsourcing.persistence import AggregateRecorder, StoredEvent
from typing_extensions import override


class TableRecorder(AggregateRecorder):
    """Reads stored events or snapshots from one table."""

    def __init__(
        self, connection: psycopg.Connection, read: LiteralString, *, newest_first: bool
    ) -> None:
        """Create a recorder.

        Args:
            connection: A connection of the caller.
            read: A statement that takes a stream, the version to read after, the version to read up
                to, and a limit.
            newest_first: The order of the rows that `read` returns.
        """
        self._connection = connection
        self._read = read
        self._newest_first = newest_first

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
        in_order = desc is self._newest_first
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(self._read, (originator_id, gt or 0, lte, limit if in_order else None))
            events = [StoredEvent(*row[:4]) for row in cursor]
        return events if in_order else events[::-1][:limit]

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> NoReturn:
        raise NotImplementedError("Append events through a unit of work.")
