"""A read-only client for the brokers: their topics, topic settings and offsets."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, though not marked so
    AdminClient,
    ConfigResource,
    ResourceType,
)

from txplatform.kafka import client_config
from txplatform.settings import Settings

_TIMEOUT_S = 5
_FUTURE_S = 2 * _TIMEOUT_S
"""Longer than the request's timeout, so that the client reports the cause of a failure itself."""

_LEADER_ELECTION = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_ELECTION_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's partition count, and the replica count of its first partition."""

    partitions: int
    replicas: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka cluster with its number of brokers and its topics by name."""

    cluster_id: str
    brokers: int
    topics: Mapping[str, Topic]


class BrokerView:
    """A Kafka client that only reads.

    Every method raises KafkaException or TimeoutError if the brokers are unreachable or too slow.
    """

    def __init__(self, settings: Settings) -> None:
        config = {**client_config(settings), "log_level": 0}
        self._admin = AdminClient(config)
        self._consumer = Consumer(
            {
                **config,
                "group.id": f"{settings.kafka_group_id}-doctor",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            }
        )

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def cluster(self) -> Cluster:
        """Return the cluster and its topics, except topics with an error or without partitions."""
        found = self._consumer.list_topics(timeout=_TIMEOUT_S)
        return Cluster(
            str(found.cluster_id),
            len(found.brokers),
            {
                name: Topic(len(topic.partitions), len(topic.partitions[0].replicas))
                for name, topic in found.topics.items()
                if topic.error is None and topic.partitions
            },
        )

    def settings(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the settings of each topic. librdkafka's mock cluster does not support this."""
        wanted = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
        return {
            resource.name: {
                name: str(entry.value) for name, entry in future.result(_FUTURE_S).items()
            }
            for resource, future in self._admin.describe_configs(
                wanted, request_timeout=_TIMEOUT_S
            ).items()
        }

    def ends(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the low and high watermark offsets; retry during a leader election."""
        wanted, until = TopicPartition(topic, partition), time.monotonic() + _TIMEOUT_S
        while True:
            try:
                found = self._consumer.get_watermark_offsets(wanted, timeout=_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() not in _LEADER_ELECTION or time.monotonic() > until:
                    raise
                time.sleep(_ELECTION_POLL_S)
            else:
                assert found is not None  # a timeout raises
                low, high = found
                return low, high

    def timestamp_ms(self, topic: str, partition: int, offset: int) -> int | None:
        """Return the timestamp of the first message at or after an offset.

        None if there is no such message or it has no timestamp. The message itself has to be read,
        because Kafka cannot look up a timestamp by offset.
        """
        self._consumer.assign([TopicPartition(topic, partition, offset)])
        try:
            message = self._consumer.poll(_TIMEOUT_S)
        finally:
            self._consumer.unassign()
        if message is None:
            raise TimeoutError
        error = message.error()
        if error is None:
            kind, milliseconds = message.timestamp()
            return None if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the library's own name
            return None
        raise KafkaException(error)
