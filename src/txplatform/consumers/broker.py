"""The consumer's Kafka client: polls messages, and looks up topics and partition offsets."""

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
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from txplatform.consumers.group import Identity
from txplatform.inbox.message import UNREADABLE_HEADERS, Headers, ReceivedMessage
from txplatform.inbox.positions import PartitionKey
from txplatform.kafka import (
    MOCK_CLUSTER,
    DescribedTopics,
    ReportedCauses,
    brokers_error,
    client_config,
    describe_topics,
    missing_right,
    start_client,
)
from txplatform.settings import Settings

_REQUEST_TIMEOUT_S = 5
_LEAVE_S = 2
_DAMAGED = (
    KafkaError._BAD_MSG,  # noqa: SLF001  # no public names
    KafkaError._BAD_COMPRESSION,  # noqa: SLF001
    KafkaError.INVALID_MSG,
    KafkaError.INVALID_MSG_SIZE,
)


@dataclass(frozen=True, slots=True)
class Topics:
    """The inbound topics of a cluster, as of one look-up.

    Attributes:
        ids: The broker's id of each existing topic; empty if the broker has no ids.
        led: The partitions with a leader; only these can be read.
        unusable: The other topics, each with the reason: it does not exist, or a right is missing.
    """

    cluster_id: str
    ids: dict[str, str]
    led: frozenset[PartitionKey]
    unusable: Mapping[str, str]


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
    """A member of the consumer group.

    Attributes:
        group_problem: The reason why the brokers do not let this client into the group, if any.
    """

    def __init__(self, settings: Settings, identity: Identity) -> None:
        self._settings = settings
        self._group_id = identity.group_id
        self.group_problem = ""
        self._causes = ReportedCauses()
        self._config = {
            **client_config(settings, self._causes),
            "client.id": identity.client_id,
        }
        self._admin: AdminClient | None = None
        self._consumer = start_client(
            Consumer,
            {
                **self._config,
                "group.id": identity.group_id,
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
            self.group_problem = ""
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
                if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                    group = [self._group_id]
                    self.group_problem = missing_right(self._settings, "Read", "group", group)
            else:
                polled.broken[_partition(message)] = error
        return polled

    def read_from(self, offsets: dict[PartitionKey, int]) -> None:
        """Read exactly these partitions, from these offsets."""
        self._consumer.assign([TopicPartition(*key, offset) for key, offset in offsets.items()])

    def topics(self, names: Sequence[str]) -> Topics:
        """Look up which of these topics exist, their ids, and the partitions with a leader.

        Raises:
            BrokersError: The brokers do not respond, or refuse this client.
        """
        # A client that failed is not used again: it may go on asking a broker that is away.
        admin, self._admin = self._admin or start_client(AdminClient, self._config), None
        try:
            # Also tells the client which broker to ask next.
            metadata = admin.list_topics(timeout=_REQUEST_TIMEOUT_S)
            cluster_id = str(metadata.cluster_id)
            if cluster_id.startswith(MOCK_CLUSTER):
                ids = {name: "" for name in names if name in metadata.topics}
                found = DescribedTopics(ids, [name for name in names if name not in ids], [])
            else:
                found = describe_topics(admin, names, timeout_s=_REQUEST_TIMEOUT_S)
        except KafkaException as error:
            admin.poll(0)  # for the cause
            raise brokers_error(self._settings, self._causes, error) from error
        admin.poll(0)  # logs
        self._admin = admin
        self._causes.forget()
        led = frozenset(
            PartitionKey(name, partition.id)
            for name in found.ids
            if name in metadata.topics
            for partition in metadata.topics[name].partitions.values()
            if partition.leader >= 0
        )
        unusable = {
            name: f"topic {name} does not exist on the broker; create it with"
            " `txplatform topics create`"
            for name in found.missing
        } | {
            name: missing_right(self._settings, "Describe", "topic", [name])
            for name in found.forbidden
        }
        return Topics(cluster_id, found.ids, led, unusable)

    def watermarks(self, key: PartitionKey) -> tuple[int, int]:
        """Return a partition's low and high watermark: its first offset and its end offset.

        Raises:
            BrokersError: The broker does not respond in time, or refuses this client.
        """
        partition = TopicPartition(*key)
        try:
            found = self._consumer.get_watermark_offsets(partition, timeout=_REQUEST_TIMEOUT_S)
            if found is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001, TRY301
        except KafkaException as error:
            raise brokers_error(self._settings, self._causes, error) from error
        low, high = found
        return low, high

    def explain(self, topic: str, error: KafkaError) -> str:
        """Return why a partition of a topic cannot be read further, and what to do."""
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return missing_right(self._settings, "Read", "topic", [topic])
        if error.code() in _DAMAGED:
            return (
                f"{error.str()}. If the error persists, make an undamaged replica the leader, or"
                " delete the messages before the first readable one and have them sent again."
            )
        return f"{error.str()}."

    def end(self, key: PartitionKey) -> int | None:
        """Return a partition's end offset as of the latest fetch; None before the first fetch.

        Messages of open transactions are before the end, though they cannot be read yet.
        """
        found = self._consumer.get_watermark_offsets(TopicPartition(*key), cached=True)
        return found[1] if found and found[1] >= 0 else None

    def member_id(self) -> str:
        """Return this consumer's id in the group; empty if it is not a member."""
        return self._consumer.memberid() or ""

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
