"""The consumer's Kafka client: polls messages, and looks up topics and partition offsets."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import methodcaller
from typing import NamedTuple, cast

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from txplatform.inbox.message import UNREADABLE_HEADERS, Headers, ReceivedMessage
from txplatform.inbox.positions import PartitionKey
from txplatform.kafka import client_config
from txplatform.settings import Settings

_REQUEST_TIMEOUT_S = 5
_FUTURE_TIMEOUT_S = 2 * _REQUEST_TIMEOUT_S
"""Longer than the request's timeout, so that the client's own error comes first."""

_LEAVE_S = 2
_MOCK_CLUSTER = "mockCluster"
"""Prefix of the cluster id of librdkafka's mock broker, which cannot describe topics."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The inbound topics of a cluster, as of one look-up.

    Attributes:
        ids: The broker's id of each existing topic; empty if the broker has no ids.
        led: The partitions with a leader; only these can be read.
        missing: The topics that do not exist.
    """

    cluster_id: str
    ids: dict[str, str]
    led: frozenset[PartitionKey]
    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Origin:
    """The cluster being read, and the ids that its topics had when they were first read."""

    cluster_id: str = ""
    topic_ids: Mapping[str, str] = field(default_factory=dict)


class Polled(NamedTuple):
    """The result of a poll.

    Attributes:
        ends: The end offset of each partition that was read to its end. The end can be several
            offsets after the last message, since transaction markers have offsets too.
        broken: The errors of partitions that cannot be read further. Messages after the error are
            left out.
        problems: Client errors that concern no particular partition.
    """

    messages: list[ReceivedMessage]
    ends: dict[PartitionKey, int]
    broken: dict[PartitionKey, KafkaError]
    problems: list[KafkaError]


class Broker:
    """A member of the consumer group."""

    def __init__(self, settings: Settings) -> None:
        config = client_config(settings)
        # Silent, since the consumer logs the same messages.
        self._admin = AdminClient({**config, "log_level": 0})
        self._consumer = Consumer(
            {
                **config,
                "group.id": settings.kafka_group_id,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # Positions are in the database; the client must not choose its own.
                "auto.offset.reset": "error",
                # Report a damaged batch as an error.
                "check.crcs": True,
                # Report partition ends: see `Polled.ends`.
                "enable.partition.eof": True,
                # An account has the same partition number in every topic. "range" assigns equal
                # numbers to the same member, so members seldom append to the same account.
                "partition.assignment.strategy": "range",
                "session.timeout.ms": 10_000,
                "heartbeat.interval.ms": 2_000,
                "topic.metadata.refresh.interval.ms": 10_000,
                # Small, since prefetched messages are dropped at each rebalance.
                "queued.max.messages.kbytes": 16_384,
                "fetch.wait.max.ms": 100,
            },
            logger=logging.getLogger("librdkafka"),
        )

    def join(
        self,
        topics: Iterable[str],
        on_assigned: Callable[[list[PartitionKey]], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Join the group. `poll` runs the callbacks in its caller's thread."""

        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            # Fetch nothing until `read_from` sets the positions.
            consumer.assign([])
            on_assigned([PartitionKey(each.topic, each.partition) for each in partitions])

        def lost(consumer: Consumer, _: list[TopicPartition]) -> None:
            consumer.unassign()
            on_lost()

        self._consumer.subscribe(list(topics), on_assign=assigned, on_revoke=lost, on_lost=lost)

    def poll(self, limit: int, timeout_s: float, origin: Origin) -> Polled:
        """Wait up to `timeout_s` for the first message; return at most `limit` messages."""
        polled = Polled([], {}, {}, [])
        first = self._consumer.poll(timeout_s)
        if first is None:
            return polled
        found = [first, *(self._consumer.consume(limit - 1, 0) if limit > 1 else ())]
        for message in found:
            if polled.broken and _partition(message) in polled.broken:
                continue
            if (error := message.error()) is None:
                polled.messages.append(_received(message, origin))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # no public name
                polled.ends[_partition(message)] = _place(message)[2]
            elif error.fatal() or message.offset() is None:
                polled.problems.append(error)
            else:
                polled.broken[_partition(message)] = error
        return polled

    def read_from(self, offsets: dict[PartitionKey, int]) -> None:
        """Read exactly these partitions, from these offsets."""
        self._consumer.assign([TopicPartition(*key, offset) for key, offset in offsets.items()])

    def topics(self, names: Sequence[str]) -> Topics:
        """Look up which of these topics exist, their ids, and the partitions with a leader.

        Raises:
            KafkaException: The broker cannot be reached or denies access.
        """
        metadata = self._consumer.list_topics(timeout=_REQUEST_TIMEOUT_S)
        present = [
            name
            for name in names
            if (topic := metadata.topics.get(name)) is not None and topic.error is None
        ]
        cluster_id = str(metadata.cluster_id)
        ids = dict.fromkeys(present, "")
        if present and not cluster_id.startswith(_MOCK_CLUSTER):
            ids = topic_ids(self._admin, present)
        led = frozenset(
            PartitionKey(name, partition.id)
            for name in present
            for partition in metadata.topics[name].partitions.values()
            if partition.leader >= 0
        )
        return Topics(cluster_id, ids, led, frozenset(names) - ids.keys())

    def watermarks(self, key: PartitionKey) -> tuple[int, int]:
        """Return a partition's low and high watermark: its first offset and its end offset.

        Raises:
            KafkaException: The broker does not respond in time.
        """
        partition = TopicPartition(*key)
        found = self._consumer.get_watermark_offsets(partition, timeout=_REQUEST_TIMEOUT_S)
        if found is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001  # no public name
        low, high = found
        return low, high

    def end(self, key: PartitionKey) -> int | None:
        """Return a partition's end offset as of the latest fetch; None before the first fetch."""
        found = self._consumer.get_watermark_offsets(TopicPartition(*key), cached=True)
        return found[1] if found and found[1] >= 0 else None

    def note(self, offsets: dict[PartitionKey, int]) -> None:
        """Commit offsets to Kafka for tools that show lag; nothing else reads them."""
        self._consumer.commit(
            offsets=[TopicPartition(*key, offset) for key, offset in offsets.items()],
            asynchronous=True,
        )

    def leave(self) -> None:
        """Leave the group and disconnect.

        Closing can hang if the broker is unreachable, so the wait is short. The group then removes
        this member when its session times out.
        """
        closing = threading.Thread(target=self._consumer.close, daemon=True)
        closing.start()
        closing.join(_LEAVE_S)


def topic_ids(admin: AdminClient, names: list[str]) -> dict[str, str]:
    """Return the broker's ids of existing topics.

    Raises:
        KafkaException: The broker cannot be reached, or a topic no longer exists.
    """
    described = admin.describe_topics(TopicCollection(names), request_timeout=_REQUEST_TIMEOUT_S)
    return {name: str(each.result(_FUTURE_TIMEOUT_S).topic_id) for name, each in described.items()}


def _received(message: Message, origin: Origin) -> ReceivedMessage:
    topic, partition, offset = _place(message)
    kind, timestamp_ms = message.timestamp()
    return ReceivedMessage(
        origin.cluster_id,
        topic,
        origin.topic_ids.get(topic, ""),
        partition,
        offset,
        sent_at=None if kind == TIMESTAMP_NOT_AVAILABLE else _time(timestamp_ms),
        key=_bytes(message.key()),
        headers=_headers(message),
        body=_bytes(message.value()),
    )


def _place(message: Message) -> tuple[str, int, int]:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return topic, partition, offset


def _partition(message: Message) -> PartitionKey:
    return PartitionKey(*_place(message)[:2])


_headers_of = methodcaller("headers")
"""Returns a message's headers; raises SystemError if the client returns with an exception set.

CPython checks for this in calls from C, but not in a specialised direct call.
"""


def _headers(message: Message) -> Headers:
    try:
        headers = cast("list[tuple[str, bytes | None]] | None", _headers_of(message))
    except (SystemError, UnicodeDecodeError):
        # If a header's name is not UTF-8, the client returns a partial list and sets an exception.
        return UNREADABLE_HEADERS
    return tuple((name, _bytes(value)) for name, value in headers) if headers else ()


def _time(milliseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # producers can send any number


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
