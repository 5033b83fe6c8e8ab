"""A Kafka broker for the demo: librdkafka's mock cluster, hosted by this process.

Other processes connect to the mock cluster as to a real broker. The cluster starts empty, has a new
id each time, and trims old messages. All lasting data is in PostgreSQL.
"""

from confluent_kafka import Producer

from txplatform.doctor.topics import ALL_TOPICS

_TIMEOUT_S = 10


class DemoBus:
    """A mock cluster with every topic; it exists as long as this object."""

    def __init__(self, round_trip_ms: int = 0) -> None:
        """Start the cluster; each of its responses takes `round_trip_ms`."""
        self._host = Producer(
            {
                "bootstrap.servers": "mock",
                "test.mock.num.brokers": 1,
                "test.mock.broker.rtt": round_trip_ms,
                "log_level": 1,
            }
        )
        cluster = self._host.list_topics(timeout=_TIMEOUT_S)
        (broker,) = cluster.brokers.values()
        self.cluster_id = str(cluster.cluster_id)
        for topic in ALL_TOPICS:
            # The mock cluster creates a topic when a client asks for the topic's metadata.
            self._host.list_topics(topic, timeout=_TIMEOUT_S)
        self.bootstrap_servers = f"{broker.host}:{broker.port}"
