"""The eventsourcing library's own test cases for recorders, on the log and its live statements.

The adapter below adds what the library does not know, and allows for what the log does differently:

- The cases begin at version 0; the log's versions begin at 1.
- The cases know no business keys; every event of the log has one.
- If an event conflicts, the cases want an IntegrityError and nothing stored. An append names the
  streams with a conflict and stores the others; a caller that wants all or none rolls back.
- The cases want the positions of inserted events, which an append does not return.
- The cases can subscribe; followers read the log by position instead.

The cases for tracking recorders, transcoders and factories do not apply: the platform has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    Notification,
    StoredEvent,
)
from eventsourcing.tests import persistence as cases

from harness.postgres import TestDatabase
from txplatform.binary_arrays import BigintArray, ByteaArray, TextArray, TimestamptzArray
from txplatform.database import Database
from txplatform.eventstore.log import last_position
from txplatform.eventstore.recorder import TableRecorder
from txplatform.eventstore.statements import APPEND, READ_LOG, READ_STREAM

POSITIONS = """
SELECT position FROM events JOIN unnest(%s::text[], %s::bigint[]) AS i (id, version)
    ON (originator_id, originator_version) = (i.id, i.version)
ORDER BY position
"""


class StreamRecorder(AggregateRecorder):
    """Appends and reads streams as the service's role, by the statements of the platform."""

    def __init__(self, database: TestDatabase) -> None:
        self.database = Database(database.service_url)

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        self.append(stored_events)
        return None

    def append(self, events: Sequence[StoredEvent]) -> list[int]:
        """Append all events or none, and return their positions."""
        streams = [str(each.originator_id) for each in events]
        versions = [each.originator_version + 1 for each in events]
        parameters = (
            TextArray.of(streams),
            BigintArray.of(versions),
            TextArray.of([f"case:{version}" for version in versions]),
            TextArray.of([each.topic for each in events]),
            ByteaArray.of([each.state for each in events]),
            TextArray.of([None] * len(events)),
            BigintArray.of([0] * len(events)),
            BigintArray.of([None] * len(events)),
            TimestamptzArray.of([None] * len(events)),
        )
        try:
            with self.database.connect() as connection, connection.transaction():
                ((conflicts,),) = connection.execute(APPEND, parameters).fetchall()
                if conflicts:
                    raise IntegrityError(conflicts)
                found = connection.execute(POSITIONS, (streams, versions))
                return [position for (position,) in found]
        except psycopg.IntegrityError as error:
            raise IntegrityError from error

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        with self.database.connect() as connection:
            found = TableRecorder(connection, READ_STREAM, newest_first=False).select_events(
                originator_id,
                gt=None if gt is None else gt + 1,
                lte=None if lte is None else lte + 1,
                desc=desc,
                limit=limit,
            )
        return [
            StoredEvent(each.originator_id, each.originator_version - 1, each.topic, each.state)
            for each in found
        ]


class LogRecorder(StreamRecorder, ApplicationRecorder):
    """Reads the log in order too, as followers do."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        return self.append(stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        position = 0 if start is None else start - inclusive_of_start
        found: list[Notification] = []
        with self.database.connect() as connection, connection.cursor(binary=True) as cursor:
            while len(found) < limit and (
                rows := cursor.execute(READ_LOG, (position, limit)).fetchall()
            ):
                found += [
                    Notification(stream, version - 1, topic, state, at)
                    for stream, version, topic, state, at, _ in rows
                    if (not topics or topic in topics) and (stop is None or at <= stop)
                ]
                position = rows[-1][4]
        return found[:limit]

    def max_notification_id(self) -> int | None:
        with self.database.connect() as connection:
            return last_position(connection) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> NoReturn:
        raise NotImplementedError("Followers read the log by position.")


class _OnAccounts:
    """The cases with streams named as accounts' are, from the version that becomes 1."""

    INITIAL_VERSION = 0
    test_performance = None
    """Checks nothing."""

    @pytest.fixture(autouse=True)
    def _use(self, database: TestDatabase) -> None:
        self.database = database

    def new_originator_id(self) -> str:
        return f"account-{uuid4()}"


class TestStreams(_OnAccounts, cases.AggregateRecorderTestCase):  # type: ignore[misc]
    def create_recorder(self) -> AggregateRecorder:
        return StreamRecorder(self.database)


class TestLog(_OnAccounts, cases.ApplicationRecorderTestCase):  # type: ignore[misc]
    test_concurrent_no_conflicts = pytest.mark.long(
        cases.ApplicationRecorderTestCase.test_concurrent_no_conflicts
    )
    test_concurrent_throughput = pytest.mark.long(
        cases.ApplicationRecorderTestCase.test_concurrent_throughput
    )

    def create_recorder(self) -> ApplicationRecorder:
        return LogRecorder(self.database)


class TestPositions(_OnAccounts, cases.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return LogRecorder(self.database)
