"""One member of the consumer group: its messages, the topics there are, and where they end."""

from __future__ import annotations

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

from txplatform.inbox.positions import PartitionKey
from txplatform.inbox.received_message import UNREADABLE_HEADERS, Headers, ReceivedMessage
from txplatform.kafka import client_config
from txplatform.settings import Settings

_ASK_TIMEOUT_S = 5
_FUTURE_S = 2 * _ASK_TIMEOUT_S
"""Beyond the request's own, so that the client says itself what it could not do."""

_LEAVE_S = 2
_MOCK_CLUSTER = "mockCluster"
"""librdkafka's mock broker names itself so; it cannot describe topics, nor recreate one."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of a cluster at one moment.

    Attributes:
        ids: The broker's id of each topic that exists; empty where it gives none.
        led: Their partitions that have a leader, without which nobody can read them.
        missing: Topics that do not exist.
    """

    cluster_id: str
    ids: dict[str, str]
    led: frozenset[PartitionKey]
    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where messages come from: the cluster, and the topics' ids when reading them began."""

    cluster_id: str = ""
    topic_ids: Mapping[str, str] = field(default_factory=dict)


class Polled(NamedTuple):
    """What came.

    Attributes:
        ends: Partitions that were read to their end, and the offset behind it. That is not
            always the one behind the last message: transactions end with marks of their own.
        broken: Partitions that cannot be read on, and why; what came behind that is left out.
        problems: What else the client has to say.
    """

    messages: list[ReceivedMessage]
    ends: dict[PartitionKey, int]
    broken: dict[PartitionKey, KafkaError]
    problems: list[KafkaError]


class Broker:
    """One member of the consumer group."""

    def __init__(self, settings: Settings) -> None:
        config = client_config(settings)
        # What the two have to say is the same: one of them is enough.
        self._admin = AdminClient({**config, "log_level": 0})
        self._consumer = Consumer(
            {
                **config,
                "group.id": settings.kafka_group_id,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # The position is ours to know: nobody may pick another for us.
                "auto.offset.reset": "error",
                # A damaged batch is told, not read as it is.
                "check.crcs": True,
                # At its end a partition may hold what is no message: see `Polled.ends`.
                "enable.partition.eof": True,
                # An account's messages have the same partition number in every topic: this
                # way one member reads them all, and members seldom conflict.
                "partition.assignment.strategy": "range",
                "session.timeout.ms": 10_000,
                "heartbeat.interval.ms": 2_000,
                "topic.metadata.refresh.interval.ms": 10_000,
                # What is fetched ahead is thrown away at each rebalance.
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
        """Join the group; the callbacks come from `poll`, in its thread."""

        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            # Nothing is fetched before its position is known: see `read_from`.
            consumer.assign([])
            on_assigned([PartitionKey(each.topic, each.partition) for each in partitions])

        def lost(consumer: Consumer, _: list[TopicPartition]) -> None:
            consumer.unassign()
            on_lost()

        self._consumer.subscribe(list(topics), on_assign=assigned, on_revoke=lost, on_lost=lost)

    def poll(self, limit: int, timeout_s: float, origin: Origin) -> Polled:
        """What came in this time, if anything."""
        polled = Polled([], {}, {}, [])
        first = self._consumer.poll(timeout_s)
        if first is None:
            return polled
        # What is there already comes with it; nothing is waited for.
        found = [first, *(self._consumer.consume(limit - 1, 0) if limit > 1 else ())]
        for message in found:
            if polled.broken and _partition(message) in polled.broken:
                continue
            if (error := message.error()) is None:
                polled.messages.append(_received(message, origin))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                polled.ends[_partition(message)] = _place(message)[2]
            elif error.fatal() or message.offset() is None:
                polled.problems.append(error)
            else:
                polled.broken[_partition(message)] = error
        return polled

    def read_from(self, cluster_offsets: dict[PartitionKey, int]) -> None:
        """Read these partitions, from these offsets on, and no others."""
        self._consumer.assign(
            [TopicPartition(*key, offset) for key, offset in cluster_offsets.items()]
        )

    def topics(self, names: Sequence[str]) -> Topics:
        """Which of these topics there are.

        Raises:
            KafkaException: The broker cannot be reached, or does not let us look.
        """
        metadata = self._consumer.list_topics(timeout=_ASK_TIMEOUT_S)
        present = [name for name in names if _exists(metadata.topics.get(name))]
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
        """A partition's first offset and the one after its last.

        Raises:
            KafkaException: The broker does not say.
        """
        found = self._consumer.get_watermark_offsets(TopicPartition(*key), timeout=_ASK_TIMEOUT_S)
        if found is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001  # its public name
        low, high = found
        return low, high

    def end(self, key: PartitionKey) -> int | None:
        """The offset after a partition's last, as the latest fetch had it."""
        found = self._consumer.get_watermark_offsets(TopicPartition(*key), cached=True)
        return found[1] if found and found[1] >= 0 else None

    def note(self, offsets: dict[PartitionKey, int]) -> None:
        """Tell Kafka how far we are, for tools that show lag; nothing depends on it."""
        self._consumer.commit(
            offsets=[TopicPartition(*key, offset) for key, offset in offsets.items()],
            asynchronous=True,
        )

    def leave(self) -> None:
        """Leave the group and disconnect.

        If the broker is away, closing may wait for a response that does not come; the group
        finds out by itself when the session times out.
        """
        closing = threading.Thread(target=self._consumer.close, daemon=True)
        closing.start()
        closing.join(_LEAVE_S)


def topic_ids(admin: AdminClient, names: list[str]) -> dict[str, str]:
    """The broker's ids of topics that exist.

    Raises:
        KafkaException: The broker cannot be reached, or a topic is gone.
    """
    described = admin.describe_topics(TopicCollection(names), request_timeout=_ASK_TIMEOUT_S)
    return {name: str(future.result(_FUTURE_S).topic_id) for name, future in described.items()}


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


_ask_for_headers = methodcaller("headers")
"""CPython checks the result of such a call and raises SystemError.

A direct call that is made often is specialised, and skips the check.
"""


def _headers(message: Message) -> Headers:
    try:
        headers = cast("list[tuple[str, bytes | None]] | None", _ask_for_headers(message))
    except (SystemError, UnicodeDecodeError):
        # If any header's name is not UTF-8, the client returns a partial list and sets an error,
        # which surfaces as a SystemError.
        return UNREADABLE_HEADERS
    return tuple((name, _bytes(value)) for name, value in headers) if headers else ()


def _exists(topic: object) -> bool:
    return topic is not None and getattr(topic, "error", None) is None


def _time(milliseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # a producer may write any number


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
