"""A Kafka broker for the demo: librdkafka's mock cluster, hosted by this process.

The mock cluster speaks the real protocol to other processes. Each start creates an empty cluster
with a new id, and old messages are trimmed. PostgreSQL holds everything that the platform keeps.
"""

from confluent_kafka import Producer

from txplatform.doctor.topics import ALL_TOPICS

_TIMEOUT_S = 10


class DemoBus:
    """A mock cluster with every topic; it ends with this object."""

    def __init__(self) -> None:
        self._host = Producer(
            {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 3}
        )
        (broker,) = self._host.list_topics(timeout=_TIMEOUT_S).brokers.values()
        for topic in ALL_TOPICS:
            # The mock cluster creates a topic when a client asks for the topic's metadata.
            self._host.list_topics(topic, timeout=_TIMEOUT_S)
        self.bootstrap_servers = f"{broker.host}:{broker.port}"
