"""The partitions that this member of the group reads, and how far it is in each.

The group says which partitions are ours; the database says where to read on. Until both are
known, and after any doubt, nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg

from txplatform.consumers import TOPICS
from txplatform.consumers.broker import Broker, Origin, Topics
from txplatform.inbox.positions import (
    Move,
    PartitionKey,
    Position,
    begin,
    fault_of,
    stored_positions,
)
from txplatform.inbox.received_message import ReceivedMessage


class Assignment:
    """The partitions that this consumer owns, and its position in each.

    Attributes:
        given: The partitions that the group gave us; None while we are no member.
        taken_up: Whether they are read from their stored positions.
        positions: The offset that is read next in each partition that is read.
        faults: Why a partition of ours is not read.
        held: Why a partition could not be read on; told until something of it comes again.
        missing: Topics that do not exist.
        origin: The cluster and topics that are read.
    """

    def __init__(self, broker: Broker) -> None:
        self.given: list[PartitionKey] | None = None
        self.taken_up = False
        self.positions: dict[PartitionKey, int] = {}
        self.faults: dict[PartitionKey, str] = {}
        self.held: dict[PartitionKey, str] = {}
        self.missing: frozenset[str] = frozenset()
        self._stored: dict[PartitionKey, Position] = {}
        self.origin = Origin()
        self._broker = broker

    def give(self, partitions: list[PartitionKey]) -> None:
        """The group gave us these partitions."""
        self.given = partitions
        self._forget()

    def lose(self) -> None:
        """The group took all partitions back."""
        self.given = None
        self._forget()

    def put_down(self) -> None:
        """Stop parsed until the positions are taken up again; we stay a member."""
        if self.given is not None:
            self._broker.read_from({})
        self._forget()

    def take_up(self, connection: psycopg.Connection) -> None:
        """Read on from the stored positions.

        Raises:
            KafkaException: The broker does not answer.
            psycopg.OperationalError: The database does not.
        """
        topics = self._look()
        given = self.given or []
        watermarks = {key: self._broker.watermarks(key) for key in given if key in topics.led}
        beginnings = [
            Position(key.topic, key.partition, topics.ids[key.topic], low)
            for key, (low, _) in watermarks.items()
        ]
        self._stored = begin(connection, topics.cluster_id, beginnings) if beginnings else {}
        self.faults = {
            key: f"{key.topic}[{key.partition}] has no leader; bring the brokers that hold it up."
            for key in given
            if key.topic in topics.ids and key not in topics.led
        }
        self.faults |= {
            key: fault
            for key, position in self._stored.items()
            if (
                fault := fault_of(
                    position, topic_id=topics.ids[key.topic], watermarks=watermarks[key]
                )
            )
        }
        positions = {
            key: position.next_offset
            for key, position in self._stored.items()
            if key not in self.faults
        }
        if not self.taken_up or positions != self.positions:
            self._broker.read_from(positions)
            self.positions = positions
        self.held = {key: why for key, why in self.held.items() if key in positions}
        self.origin = Origin(
            topics.cluster_id,
            {key.topic: position.topic_id for key, position in self._stored.items()},
        )
        self.taken_up = True

    def check(self, connection: psycopg.Connection) -> None:
        """Check that the assigned partitions are those being read, each from its stored position.

        Raises:
            KafkaException: The broker does not answer.
            psycopg.OperationalError: The database does not.
        """
        topics = self._look()
        recreated = any(
            topics.ids.get(key.topic, position.topic_id) != position.topic_id
            for key, position in self._stored.items()
        )
        stored = stored_positions(connection, self.origin.cluster_id, list(self.positions))
        moved = {key: position.next_offset for key, position in stored.items()} != self.positions
        readable = topics.led.intersection(self.given or ())
        if self.taken_up and (
            readable != self.positions.keys()  # those with a fault are looked at again
            or moved  # by a person who had the topic read again
            or recreated
            or topics.cluster_id != self.origin.cluster_id
        ):
            self.take_up(connection)

    def hold(self, key: PartitionKey, why: str) -> None:
        """Read a partition no further until `check` tries it again; the others are read on."""
        if key not in self.positions:
            return
        self.held[key] = (
            f"{key.topic}[{key.partition}] cannot be read on from {self.positions.pop(key)}: {why}."
            " It is tried again every few seconds. Where it stays so, have an undamaged copy lead"
            " the partition, or its messages deleted up to the first readable one and sent again."
        )
        self._broker.read_from(self.positions)

    def accept(
        self, messages: Sequence[ReceivedMessage], ends: Mapping[PartitionKey, int]
    ) -> tuple[list[ReceivedMessage], list[Move]]:
        """The messages that are ours to apply, and how far they and the ends take the positions.

        A rebalance in the same poll may have taken some away.
        """
        ours: list[ReceivedMessage] = []
        reached = {(key.topic, key.partition): offset for key, offset in self.positions.items()}
        for message in messages:
            key = message.topic, message.partition  # equal to its `PartitionKey`, and made faster
            if key in reached and message.offset >= reached[key]:
                reached[key] = message.offset + 1
                ours.append(message)
        for end, offset in ends.items():
            if end in reached:
                reached[end] = max(reached[end], offset)
                self.held.pop(end, None)
        moves = [
            Move(key.topic, key.partition, before, reached[key])
            for key, before in self.positions.items()
            if reached[key] != before
        ]
        return ours, moves

    def moved(self, moves: Sequence[Move]) -> None:
        """The moves are committed."""
        for move in moves:
            key = PartitionKey(move.topic, move.partition)
            self.positions[key] = move.next_offset
            self.held.pop(key, None)

    def lags(self) -> dict[PartitionKey, int]:
        """Messages not read yet, in each partition whose end is known."""
        return {
            key: max(0, end - next_offset)
            for key, next_offset in self.positions.items()
            if (end := self._broker.end(key)) is not None
        }

    def _look(self) -> Topics:
        topics = self._broker.topics(list(TOPICS))
        self.missing = topics.missing
        return topics

    def _forget(self) -> None:
        self.taken_up = False
        self.positions = {}
        self.faults = {}
        self.held = {}
        self._stored = {}
