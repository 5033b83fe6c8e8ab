"""A Kafka bus of the demo's own: librdkafka's mock cluster, hosted by this process.

It speaks the real protocol to other processes. It is empty at each start, under a new cluster
id, and trims its log: what the platform keeps is in PostgreSQL.
"""

from __future__ import annotations

from confluent_kafka import Producer

_ANSWER_S = 10


class DemoBus:
    """Lives as long as this object."""

    def __init__(self) -> None:
        self._host = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
        (broker,) = self._host.list_topics(timeout=_ANSWER_S).brokers.values()
        self.bootstrap_servers = f"{broker.host}:{broker.port}"
