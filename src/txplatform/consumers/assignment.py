"""The partitions that this consumer reads, and its position in each.

Kafka assigns the partitions, and the database stores the offset from which to resume each one.
Nothing is fetched until both are known. After a connection fault, the offsets are read again.
"""

from collections.abc import Mapping, Sequence

import psycopg

from txplatform.consumers.broker import Broker, Origin, Topics
from txplatform.contracts.messages import INBOUND
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.positions import (
    Move,
    PartitionKey,
    Position,
    begin,
    fault_of,
    stored_positions,
)


class Assignment:
    """The partitions that this consumer owns, and its position in each.

    Attributes:
        assigned: The partitions that the group assigned; None if this consumer is not a member.
        reading: True from `start_reading` until reading stops or the assignment changes.
        positions: The next offset to read from each partition being read.
        faults: Problem texts for assigned partitions on which reading could not start.
        suspended: Problem texts for partitions on which reading failed later. Each text is removed
            when its partition makes progress again.
        unusable: The inbound topics that do not exist or may not be read, each with the reason.
        advanced: True if a batch was applied since `advanced` was last set to False.
        origin: The cluster and topics being read.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.assigned: list[PartitionKey] | None = None
        self.reading = False
        self.positions: dict[PartitionKey, int] = {}
        self.faults: dict[PartitionKey, str] = {}
        self.suspended: dict[PartitionKey, str] = {}
        self.unusable: Mapping[str, str] = {}
        self.advanced = False
        self.origin = Origin()
        self._stored: dict[PartitionKey, Position] = {}

    def assign(self, partitions: list[PartitionKey] | None) -> None:
        """Set the assigned partitions (None if all were revoked). Reading does not start yet."""
        self.assigned = partitions
        self._reset()

    def stop_reading(self) -> None:
        """Stop fetching until `start_reading`, but remain a member of the group."""
        if self.assigned is not None:
            self._broker.read_from({})
        self._reset()

    def start_reading(self, connection: psycopg.Connection) -> None:
        """Start reading the assigned partitions at their stored positions.

        Raises:
            BrokersError: The broker does not respond.
            psycopg.OperationalError: The database does not respond.
        """
        topics = self._look_up_topics()
        assigned = self.assigned or []
        watermarks = {key: self._broker.watermarks(key) for key in assigned if key in topics.led}
        beginnings = [
            Position(key.topic, key.partition, topics.ids[key.topic], low)
            for key, (low, _) in watermarks.items()
        ]
        self._stored = begin(connection, topics.cluster_id, beginnings) if beginnings else {}
        self.faults = {
            key: f"{key.topic}[{key.partition}] has no leader; start the brokers with its replicas."
            for key in assigned
            if key.topic in topics.ids and key not in topics.led
        }
        for key, position in self._stored.items():
            topic_id = topics.ids[key.topic]
            if fault := fault_of(position, topic_id=topic_id, watermarks=watermarks[key]):
                self.faults[key] = fault
        positions = {
            key: position.next_offset
            for key, position in self._stored.items()
            if key not in self.faults
        }
        if not self.reading or positions != self.positions:
            self._broker.read_from(positions)
            self.positions = positions
        self.suspended = {key: why for key, why in self.suspended.items() if key in positions}
        self.origin = Origin(
            topics.cluster_id,
            {key.topic: position.topic_id for key, position in self._stored.items()},
        )
        self.reading = True

    def check(self, connection: psycopg.Connection) -> None:
        """Start reading again if partitions, stored positions, topics or cluster have changed.

        If it fails, reading continues as before.

        Raises:
            BrokersError: The broker does not respond.
            psycopg.OperationalError: The database does not respond.
        """
        topics = self._look_up_topics()
        recreated = any(
            topics.ids.get(key.topic, position.topic_id) != position.topic_id
            for key, position in self._stored.items()
        )
        stored = stored_positions(connection, self.origin.cluster_id, list(self.positions))
        moved = {key: position.next_offset for key, position in stored.items()} != self.positions
        readable = topics.led.intersection(self.assigned or ())
        if self.reading and (
            readable != self.positions.keys()  # a partition with a fault is checked again
            or moved  # an operator reset the position
            or recreated
            or topics.cluster_id != self.origin.cluster_id
        ):
            self.start_reading(connection)

    def suspend(self, key: PartitionKey, why: str) -> None:
        """Stop reading one partition, for a reason in sentences, until `check` restarts it."""
        if key not in self.positions:
            return
        self.suspended[key] = (
            f"{key.topic}[{key.partition}] cannot be read from offset {self.positions.pop(key)}:"
            f" {why} The consumer retries every few seconds."
        )
        self._broker.read_from(self.positions)

    def accept(
        self, messages: Sequence[ReceivedMessage], ends: Mapping[PartitionKey, int]
    ) -> tuple[list[ReceivedMessage], list[Move]]:
        """Return the messages to process, and the position changes to commit with them.

        Messages already processed and messages of partitions no longer being read are skipped.

        Args:
            messages: The polled messages.
            ends: The end offset of each partition that was read to its end.
        """
        accepted: list[ReceivedMessage] = []
        # Plain tuples are equal to a `PartitionKey` and faster to create.
        reached = {tuple(key): offset for key, offset in self.positions.items()}
        for message in messages:
            partition = message.topic, message.partition
            if partition in reached and message.offset >= reached[partition]:
                reached[partition] = message.offset + 1
                accepted.append(message)
        for key, offset in ends.items():
            if key in reached:
                reached[key] = max(reached[key], offset)
                self.suspended.pop(key, None)
        moves = [
            Move(*key, before, reached[key])
            for key, before in self.positions.items()
            if reached[key] != before
        ]
        return accepted, moves

    def apply_moves(self, moves: Sequence[Move]) -> None:
        """Update `positions` after the moves are committed to the database."""
        for move in moves:
            key = PartitionKey(move.topic, move.partition)
            self.advanced = True
            self.positions[key] = move.next_offset
            self.suspended.pop(key, None)

    def group_problem(self) -> str:
        """Return why the brokers do not let this consumer into the group; empty if they do."""
        return self._broker.group_problem

    def _look_up_topics(self) -> Topics:
        topics = self._broker.topics(list(INBOUND))
        self.unusable = topics.unusable
        return topics

    def _reset(self) -> None:
        self.reading = False
        self.positions, self.faults, self.suspended, self._stored = {}, {}, {}, {}
