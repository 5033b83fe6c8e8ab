"""Which partitions are read and from where, as a broker made up and the database have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import psycopg
import pytest

from harness.inbound import OPENED, RETURNED, SUBMITTED, execute
from harness.postgres import TestDatabase
from txplatform.consumers.assignment import Assignment
from txplatform.consumers.broker import Broker, Topics
from txplatform.database import Database
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.positions import Move, PartitionKey, Position, advance, fault_of

ONE, TWO = PartitionKey(OPENED, 0), PartitionKey(SUBMITTED, 0)


class MadeUpBroker:
    """Has two partitions, with ten messages each.

    Attributes:
        reads: What was to be read, each time that it was said.
    """

    def __init__(self) -> None:
        self.cluster_id = "cluster"
        self.ids = {OPENED: "id-1", SUBMITTED: "id-2"}
        self.led = {ONE, TWO}
        self.ends = {ONE: (0, 10), TWO: (0, 10)}
        self.reads: list[dict[PartitionKey, int]] = []

    def topics(self, names: list[str]) -> Topics:
        """Those that there are."""
        return Topics(
            self.cluster_id, self.ids, frozenset(self.led), frozenset(names) - self.ids.keys()
        )

    def watermarks(self, key: PartitionKey) -> tuple[int, int]:
        """First and last."""
        return self.ends[key]

    def read_from(self, offsets: dict[PartitionKey, int]) -> None:
        """Remember it."""
        self.reads.append(dict(offsets))

    def end(self, key: PartitionKey) -> int | None:
        """The last fetch's."""
        return self.ends[key][1]


@pytest.fixture
def connection(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """The consumer's."""
    with Database(database.service_url).connect() as connection:
        yield connection


def assigned(broker: MadeUpBroker, connection: psycopg.Connection) -> Assignment:
    """Both partitions, read."""
    assignment = Assignment(cast("Broker", broker))
    assignment.assign([ONE, TWO])
    assignment.start_reading(connection)
    return assignment


def message(key: PartitionKey, offset: int) -> ReceivedMessage:
    """A message from there."""
    facts: dict[str, Any] = dict.fromkeys(("sent_at", "key", "body"))
    return ReceivedMessage(
        "cluster", *(key.topic, "id", key.partition, offset), headers=(), **facts
    )


def read_on(assignment: Assignment, connection: psycopg.Connection, *moves: Move) -> None:
    """Commit moves as the consumer does it."""
    advance(connection, "cluster", moves)
    assignment.apply_moves(moves)


@pytest.mark.parametrize(
    ("next_offset", "topic_id", "told"),
    [
        (3, "id", None),
        (7, "id", None),
        (7, "", None),
        (2, "id", "begins at 3, but was read only up to 2"),
        (8, "id", "ends at 7, but was read up to 8"),
        (5, "other", "was recreated"),
    ],
)
def test_a_partition_is_read_on_only_where_its_position_still_is(
    next_offset: int, topic_id: str, told: str | None
) -> None:
    """From its first message up to behind its last one, of the topic that was read."""
    position = Position(OPENED, 0, "id", next_offset)
    fault = fault_of(position, topic_id=topic_id, watermarks=(3, 7))
    assert fault is None if told is None else told in (fault or "")


def test_only_what_is_ours_and_not_read_yet_is_accepted(connection: psycopg.Connection) -> None:
    """Whatever a rebalance in the same poll, or a fetch from before it, brings beside."""
    assignment = assigned(MadeUpBroker(), connection)
    read_on(assignment, connection, Move(OPENED, 0, 0, 4))
    gone = PartitionKey(RETURNED, 0)
    came = [message(ONE, 3), message(ONE, 4), message(gone, 0), message(ONE, 6), message(ONE, 6)]
    ours, moves = assignment.accept(came, {ONE: 5, TWO: 9, gone: 1})
    assert [each.offset for each in ours] == [4, 6]
    assert moves == [Move(OPENED, 0, 4, 7), Move(SUBMITTED, 0, 0, 9)]
    assert assignment.accept([message(ONE, 3)], {}) == ([], [])


def test_what_is_read_changes_only_where_something_did(
    database: TestDatabase, connection: psycopg.Connection
) -> None:
    """What was fetched ahead would be thrown away; a reset is followed."""
    broker = MadeUpBroker()
    assignment = assigned(broker, connection)
    read_on(assignment, connection, Move(OPENED, 0, 0, 4))
    assignment.check(connection)
    assignment.check(connection)
    assert broker.reads == [{ONE: 0, TWO: 0}]
    execute(database, "UPDATE inbound_positions SET next_offset = 2 WHERE topic = %s", OPENED)
    assignment.check(connection)
    assert broker.reads[1:] == [{ONE: 2, TWO: 0}]


def test_a_partition_without_a_leader_is_left_out_until_it_has_one(
    connection: psycopg.Connection,
) -> None:
    """The others are read."""
    broker = MadeUpBroker()
    broker.led = {TWO}
    assignment = assigned(broker, connection)
    assert "has no leader" in assignment.faults[ONE]
    assert broker.reads == [{TWO: 0}]
    broker.led = {ONE, TWO}
    assignment.check(connection)
    assert assignment.faults == {}
    assert broker.reads[1:] == [{ONE: 0, TWO: 0}]


def test_a_topic_that_is_recreated_while_it_is_read_is_read_no_more(
    connection: psycopg.Connection,
) -> None:
    """Though it has as many messages again; looking at it again disturbs no other."""
    broker = MadeUpBroker()
    assignment = assigned(broker, connection)
    broker.ids = {**broker.ids, OPENED: "id-3"}
    assignment.check(connection)
    assignment.check(connection)
    assert "was recreated" in assignment.faults[ONE]
    assert broker.reads[1:] == [{TWO: 0}]


def test_another_cluster_behind_the_same_address_has_positions_of_its_own(
    connection: psycopg.Connection,
) -> None:
    """Read on from the old one's, its messages would be skipped."""
    broker = MadeUpBroker()
    assignment = assigned(broker, connection)
    read_on(assignment, connection, Move(OPENED, 0, 0, 4))
    broker.cluster_id = "other"
    assignment.check(connection)
    assert assignment.origin.cluster_id == "other"
    assert broker.reads[1:] == [{ONE: 0, TWO: 0}]


def test_what_cannot_be_read_on_is_told_until_something_of_it_comes(
    connection: psycopg.Connection,
) -> None:
    """It is tried again at each check; the others are read on meanwhile."""
    broker = MadeUpBroker()
    assignment = assigned(broker, connection)
    assignment.suspend(ONE, "damaged")
    assert broker.reads[1:] == [{TWO: 0}]
    assert "cannot be read on from 0: damaged" in assignment.suspended[ONE]
    assignment.check(connection)
    assert broker.reads[2:] == [{ONE: 0, TWO: 0}]
    assert ONE in assignment.suspended
    read_on(assignment, connection, Move(OPENED, 0, 0, 1))
    assert assignment.suspended == {}


def test_who_puts_it_down_fetches_nothing_until_it_is_taken_up(
    connection: psycopg.Connection,
) -> None:
    """And then all, from where it is stored."""
    broker = MadeUpBroker()
    assignment = assigned(broker, connection)
    read_on(assignment, connection, Move(OPENED, 0, 0, 4))
    assignment.stop_reading()
    assert assignment.lags() == {}
    assignment.check(connection)
    assert broker.reads[1:] == [{}]
    assignment.start_reading(connection)
    assert broker.reads[2:] == [{ONE: 4, TWO: 0}]
    assert assignment.lags() == {ONE: 6, TWO: 10}
