"""The partitions and offsets that a consumer reads, with a fake broker and a real database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import psycopg
import pytest
from prometheus_client import CollectorRegistry, Counter

from harness.inbound import OPENED, RETURNED, SUBMITTED, execute
from harness.postgres import TestDatabase
from txplatform.consumers.assignment import Assignment
from txplatform.consumers.backlog import Backlogs
from txplatform.consumers.broker import Broker, Topics
from txplatform.consumers.deferred_messages import Deferred
from txplatform.consumers.looks import Looks, briefly
from txplatform.consumers.reporting import TOPICS, health_of
from txplatform.database import Database
from txplatform.inbox.alarms import Alarms
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.positions import Move, PartitionKey, Position, advance, fault_of
from txplatform.kafka import BrokersError
from txplatform.telemetry import logger

ONE, TWO = PartitionKey(OPENED, 0), PartitionKey(SUBMITTED, 0)


class FakeBroker:
    """A broker with two partitions of ten messages each.

    Attributes:
        fault: What a look-up of topics raises.
        reads: The partitions and offsets of each call to `read_from`.
    """

    def __init__(self) -> None:
        self.cluster_id = "cluster"
        self.ids = {OPENED: "id-1", SUBMITTED: "id-2"}
        self.led = {ONE, TWO}
        self.ends = {ONE: (0, 10), TWO: (0, 10)}
        self.fault: BrokersError | None = None
        self.reads: list[dict[PartitionKey, int]] = []

    def topics(self, names: list[str]) -> Topics:
        if self.fault is not None:
            raise self.fault
        unusable = {name: "it is missing" for name in names if name not in self.ids}
        return Topics(self.cluster_id, self.ids, frozenset(self.led), unusable)

    def watermarks(self, key: PartitionKey) -> tuple[int, int]:
        return self.ends[key]

    group_problem = ""

    def read_from(self, offsets: dict[PartitionKey, int]) -> None:
        self.reads.append(dict(offsets))

    def end(self, key: PartitionKey) -> int | None:
        return self.ends[key][1]


@pytest.fixture
def connection(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """Connect as a consumer does."""
    with Database(database.service_url).connect() as connection:
        yield connection


def assigned(broker: FakeBroker, connection: psycopg.Connection) -> Assignment:
    """Return an assignment that reads both partitions."""
    assignment = Assignment(cast("Broker", broker))
    assignment.assign([ONE, TWO])
    assignment.start_reading(connection)
    return assignment


def message(key: PartitionKey, offset: int) -> ReceivedMessage:
    """Return a message with this partition and offset."""
    nothing: dict[str, Any] = dict.fromkeys(("sent_at", "key", "body"))
    return ReceivedMessage(
        "cluster", *(key.topic, "id", key.partition, offset), headers=(), **nothing
    )


def read_on(assignment: Assignment, connection: psycopg.Connection, *moves: Move) -> None:
    """Commit position moves as a consumer does."""
    advance(connection, "cluster", moves)
    assignment.apply_moves(moves)


@pytest.mark.parametrize(
    ("next_offset", "topic_id", "expected"),
    [
        (3, "id", None),
        (7, "id", None),
        (7, "", None),
        (2, "id", "begins at 3, but was read only up to 2"),
        (8, "id", "ends at 7, but was read up to 8"),
        (5, "other", "was recreated"),
    ],
)
def test_a_partition_is_read_on_only_if_its_position_still_exists(
    next_offset: int, topic_id: str, expected: str | None
) -> None:
    """The position is between the first message and the end, in the same topic as before."""
    position = Position(OPENED, 0, "id", next_offset)
    fault = fault_of(position, topic_id=topic_id, watermarks=(3, 7))
    assert fault is None if expected is None else expected in (fault or "")


def test_only_unread_messages_of_assigned_partitions_are_accepted(
    connection: psycopg.Connection,
) -> None:
    """After a rebalance, a poll may return messages that were fetched before it."""
    assignment = assigned(FakeBroker(), connection)
    read_on(assignment, connection, Move(OPENED, 0, 0, 4))
    gone = PartitionKey(RETURNED, 0)
    came = [message(ONE, 3), message(ONE, 4), message(gone, 0), message(ONE, 6), message(ONE, 6)]
    ours, moves = assignment.accept(came, {ONE: 5, TWO: 9, gone: 1})
    assert [each.offset for each in ours] == [4, 6]
    assert moves == [Move(OPENED, 0, 4, 7), Move(SUBMITTED, 0, 0, 9)]
    assert assignment.accept([message(ONE, 3)], {}) == ([], [])


def test_a_check_restarts_reading_only_if_a_position_was_changed(
    database: TestDatabase, connection: psycopg.Connection
) -> None:
    """Restarting drops prefetched messages."""
    broker = FakeBroker()
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
    broker = FakeBroker()
    broker.led = {TWO}
    assignment = assigned(broker, connection)
    assert "has no leader" in assignment.faults[ONE]
    assert broker.reads == [{TWO: 0}]
    broker.led = {ONE, TWO}
    assignment.check(connection)
    assert assignment.faults == {}
    assert broker.reads[1:] == [{ONE: 0, TWO: 0}]


def test_a_topic_that_is_recreated_while_it_is_read_is_no_longer_read(
    connection: psycopg.Connection,
) -> None:
    """Its number of messages is unchanged; repeated checks do not restart the other topic."""
    broker = FakeBroker()
    assignment = assigned(broker, connection)
    broker.ids = {**broker.ids, OPENED: "id-3"}
    assignment.check(connection)
    assignment.check(connection)
    assert "was recreated" in assignment.faults[ONE]
    assert broker.reads[1:] == [{TWO: 0}]


def test_another_cluster_at_the_same_address_has_its_own_positions(
    connection: psycopg.Connection,
) -> None:
    """The positions of the old cluster would skip messages."""
    broker = FakeBroker()
    assignment = assigned(broker, connection)
    read_on(assignment, connection, Move(OPENED, 0, 0, 4))
    broker.cluster_id = "other"
    assignment.check(connection)
    assert assignment.origin.cluster_id == "other"
    assert broker.reads[1:] == [{ONE: 0, TWO: 0}]


def test_a_suspended_partition_is_reported_until_a_message_of_it_is_read(
    connection: psycopg.Connection,
) -> None:
    """Each check tries to resume it; other partitions are read meanwhile."""
    broker = FakeBroker()
    assignment = assigned(broker, connection)
    assignment.suspend(ONE, "Damaged.")
    assert broker.reads[1:] == [{TWO: 0}]
    assert "cannot be read from offset 0: Damaged." in assignment.suspended[ONE]
    assignment.check(connection)
    assert broker.reads[2:] == [{ONE: 0, TWO: 0}]
    assert ONE in assignment.suspended
    read_on(assignment, connection, Move(OPENED, 0, 0, 1))
    assert assignment.suspended == {}


def test_a_look_up_of_topics_that_fails_only_makes_a_remark_while_messages_are_applied(
    connection: psycopg.Connection,
) -> None:
    """Without messages, nobody knows if the brokers still send any."""
    broker = FakeBroker()
    assignment = assigned(broker, connection)
    failures = Counter("failed_looks", "", ["look"], registry=CollectorRegistry())
    looks = Looks(logger("test"), failures)
    broker.fault = BrokersError("The brokers are away.")
    assert not looks.take(TOPICS, lambda: assignment.check(connection), connection)
    assert failures.labels(TOPICS)._value.get() == 1  # noqa: SLF001  # as the library's own tests do
    assignment.advanced = False
    assignment.unusable = {}  # this broker has two topics only
    health = health_of(assignment, Backlogs(broker.end, 60), Deferred(), Alarms(), looks.faults)
    assert not health.ready
    assert "could not look up topics: The brokers are away." in health.detail

    read_on(assignment, connection, Move(OPENED, 0, 0, 4))
    health = health_of(assignment, Backlogs(broker.end, 60), Deferred(), Alarms(), looks.faults)
    assert health.ready
    assert "could not look up topics: The brokers are away." in health.detail
    assert assignment.reading
    assert broker.reads == [{ONE: 0, TWO: 0}]

    broker.fault = None
    assert looks.take(TOPICS, lambda: assignment.check(connection), connection)
    assignment.unusable = {}
    assert (
        health_of(assignment, Backlogs(broker.end, 60), Deferred(), Alarms(), looks.faults).detail
        == "reads 2 partitions"
    )


def test_a_look_that_fails_raises_only_if_the_connection_is_lost(
    connection: psycopg.Connection,
) -> None:
    """Otherwise messages can still be applied."""
    looks = Looks(logger("test"), Counter("looks", "", ["look"], registry=CollectorRegistry()))
    with pytest.raises(psycopg.errors.QueryCanceled):
        briefly(connection, lambda c: c.execute("SELECT pg_sleep(10)"))
    assert not looks.take("figures", lambda: connection.execute("SELECT 1/0"), connection)
    assert looks.faults == {"figures": "division by zero"}
    with pytest.raises(psycopg.OperationalError):
        looks.take(
            "figures",
            lambda: connection.execute("SELECT pg_terminate_backend(pg_backend_pid())"),
            connection,
        )


def test_nothing_is_fetched_between_stop_reading_and_start_reading(
    connection: psycopg.Connection,
) -> None:
    """Afterwards all partitions are read from their stored positions."""
    broker = FakeBroker()
    assignment = assigned(broker, connection)
    read_on(assignment, connection, Move(OPENED, 0, 0, 4))
    assignment.stop_reading()
    assert assignment.positions == {}
    assignment.check(connection)
    assert broker.reads[1:] == [{}]
    assignment.start_reading(connection)
    assert broker.reads[2:] == [{ONE: 4, TWO: 0}]
    assert assignment.positions == {ONE: 4, TWO: 0}
