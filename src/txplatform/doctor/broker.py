"""A read-only client for the brokers: their topics, topic settings and offsets."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, though not marked so
    AdminClient,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from txplatform.consumers.group import Member, members_of
from txplatform.kafka import (
    MOCK_CLUSTER,
    BrokersError,
    ReportedCauses,
    brokers_error,
    client_config,
    describe_topics,
    is_forbidden,
    missing_right,
    start_client,
)
from txplatform.settings import Settings

_TIMEOUT_S = 5
_LEADER_ELECTION = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_ELECTION_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's partition count, and the replica count of its first partition.

    Attributes:
        in_sync: The number of replicas that are in sync, of the partition with the fewest.
    """

    partitions: int
    replicas: int
    in_sync: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka cluster with its number of brokers and its topics by name.

    Attributes:
        forbidden: Topics of the platform that the doctor may not know of.
    """

    cluster_id: str
    brokers: int
    topics: Mapping[str, Topic]
    forbidden: Collection[str] = ()

    @property
    def is_mock(self) -> bool:
        """True if this is the demo's broker, which has no topic settings."""
        return self.cluster_id.startswith(MOCK_CLUSTER)


class BrokerView:
    """A Kafka client that only reads.

    Every method raises BrokersError or TimeoutError if the brokers are unreachable, too slow, or
    refuse a request.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._causes = ReportedCauses()
        config = client_config(settings, self._causes)
        self._admin = start_client(AdminClient, config)
        self._consumer = start_client(
            Consumer,
            {
                **config,
                "group.id": f"{settings.kafka_group_id or 'txplatform'}-doctor",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                # Count messages that an open transaction holds back.
                "isolation.level": "read_uncommitted",
                "auto.offset.reset": "earliest",
            },
        )

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def cluster(self, names: Collection[str]) -> Cluster:
        """Return the cluster and its topics, except topics with an error or without partitions.

        Args:
            names: The topics of which to find out if they are missing or forbidden.
        """
        try:
            found = self._admin.list_topics(timeout=_TIMEOUT_S)
            topics = {
                name: Topic(
                    len(topic.partitions),
                    len(topic.partitions[0].replicas),
                    min(len(partition.isrs) for partition in topic.partitions.values()),
                )
                for name, topic in found.topics.items()
                if topic.error is None and topic.partitions
            }
            cluster = Cluster(str(found.cluster_id), len(found.brokers), topics)
            unseen = [name for name in names if name not in topics]
            if not unseen or cluster.is_mock:
                return cluster
            described = describe_topics(self._admin, unseen, timeout_s=_TIMEOUT_S)
            return replace(cluster, forbidden=described.forbidden)
        except KafkaException as error:
            raise self._explained(error) from error

    def settings(self, topics: Collection[str]) -> dict[str, dict[str, str]]:
        """Return the settings of each topic. librdkafka's mock cluster does not support this."""
        wanted = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
        asked = self._admin.describe_configs(wanted, request_timeout=_TIMEOUT_S)
        try:
            return {
                resource.name: {
                    # Longer than the request's timeout, so that the client's own error comes first.
                    name: str(entry.value)
                    for name, entry in future.result(2 * _TIMEOUT_S).items()
                }
                for resource, future in asked.items()
            }
        except KafkaException as error:
            raise self._explained(error, "DescribeConfigs", topics) from error

    def missing_right(self, operation: str, topics: Iterable[str]) -> str:
        """Return the sentences on a right on topics that the doctor lacks."""
        return missing_right(self._settings, operation, "topic", sorted(topics))

    def _explained(
        self, error: KafkaException, operation: str = "Describe", topics: Iterable[str] = ()
    ) -> BrokersError:
        """Return the error of a request that needs this right on these topics."""
        if is_forbidden(error.args[0]):
            return BrokersError(
                "The brokers refused the query.", why=self.missing_right(operation, topics)
            )
        self._admin.poll(0)  # for the cause
        return brokers_error(self._settings, self._causes, error)

    def ends(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the low and high watermark offsets; retry during a leader election."""
        wanted, until = TopicPartition(topic, partition), time.monotonic() + _TIMEOUT_S
        while True:
            try:
                found = self._consumer.get_watermark_offsets(wanted, timeout=_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() not in _LEADER_ELECTION or time.monotonic() > until:
                    raise self._explained(error, topics=[topic]) from error
                time.sleep(_ELECTION_POLL_S)
            else:
                assert found is not None  # a timeout raises
                low, high = found
                return low, high

    def stable_end(self, topic: str, partition: int) -> int:
        """Return the end offset for consumers, which get no message of an open transaction."""
        asked = {TopicPartition(topic, partition): OffsetSpec.latest()}  # type: ignore[no-untyped-call]  # the library's types lack it
        (end,) = self._admin.list_offsets(
            asked,
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=_TIMEOUT_S,
        ).values()
        try:
            return int(end.result(2 * _TIMEOUT_S).offset)
        except KafkaException as error:
            raise self._explained(error, topics=[topic]) from error

    def members(self, group_id: str) -> list[Member]:
        """Return the members of a consumer group. The mock cluster does not support this."""
        try:
            return members_of(self._admin, group_id)
        except KafkaException as error:
            if is_forbidden(error.args[0]):
                right = missing_right(self._settings, "Describe", "group", [group_id])
                raise BrokersError("The brokers refused the query.", why=right) from error
            raise self._explained(error) from error

    def timestamp_ms(self, topic: str, partition: int, offset: int) -> int | None:
        """Return the timestamp of the first message at or after an offset.

        None if there is no such message or it has no timestamp. The message itself has to be read,
        because Kafka cannot look up a timestamp by offset.
        """
        self._consumer.assign([TopicPartition(topic, partition, offset)])
        try:
            message = self._consumer.poll(_TIMEOUT_S)
            if message is not None and _is_about_the_group(message.error()):
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
        raise self._explained(KafkaException(error), "Read", [topic])


def _is_about_the_group(error: KafkaError | None) -> bool:
    """Return True for an error about the group, which the doctor does not join."""
    return error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
