"""A Kafka bus of the demo's own: librdkafka's mock cluster, hosted by this process.

It speaks the real protocol to other processes. It is empty at each start, under a new cluster
id, and trims its log: what the platform keeps is in PostgreSQL.
"""

from __future__ import annotations

from confluent_kafka import Producer

from txplatform.consumers import TOPICS
from txplatform.publisher import TOPICS as OUTBOUND
from txplatform.publisher.dead_letters import DEAD_LETTER_TOPICS

_ANSWER_S = 10
_ALL_TOPICS = (*TOPICS, *DEAD_LETTER_TOPICS, *OUTBOUND)


class DemoBus:
    """Lives as long as this object."""

    def __init__(self) -> None:
        self._host = Producer(
            {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 3}
        )
        (broker,) = self._host.list_topics(timeout=_ANSWER_S).brokers.values()
        for topic in _ALL_TOPICS:
            # The mock cluster cannot be told to make a topic; it makes one that is asked for.
            self._host.list_topics(topic, timeout=_ANSWER_S)
        self.bootstrap_servers = f"{broker.host}:{broker.port}"
