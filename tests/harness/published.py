"""The publisher under test, and its records as consumers read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from prometheus_client import CollectorRegistry

from harness.commands import opening, purchase
from harness.histories import read_whole_log, record
from harness.parts import running
from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import account_of
from txplatform.eventstore.log import last_position
from txplatform.publisher.runner import Publisher
from txplatform.settings import Settings

_NOT_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART)

TRANSACTION_DECISIONED = "transactions.transaction-decisioned.v1"
_COMMIT_SIZE = 2000

Order = dict[str, list[str]]
"""The event ids of each account, in order."""


@dataclass(frozen=True)
class Published:
    """One record on a topic."""

    partition: int
    key: bytes | None
    body: bytes | None
    headers: dict[str, bytes | None]

    @property
    def json(self) -> dict[str, Any]:
        """The parsed body."""
        assert self.body is not None
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    def header(self, name: str) -> str:
        """Return a header that must exist."""
        value = self.headers[name]
        assert value is not None
        return value.decode()


@contextmanager
def publishing(settings: Settings) -> Iterator[Publisher]:
    """Run a publisher in a thread. If the publisher fails, raise its exception."""
    publisher = Publisher(settings, settings.service_database, CollectorRegistry())
    with running(publisher):
        yield publisher


def read_topic(bootstrap: str, topic: str = TRANSACTION_DECISIONED) -> list[Published]:
    """Return all records of a topic, in order within each partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "test-reader",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {partition: _ends(consumer, topic, partition) for partition in partitions}
        left = sum(high - low for low, high in ends.values())
        consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in partitions])
        found: list[Published] = []
        while left > 0:
            messages = consumer.consume(min(left, 1000), timeout=10)
            assert messages, f"{left} records of {topic} did not arrive"
            for message in messages:
                assert message.error() is None, message.error()
                found.append(_published(message))
            left -= len(messages)
        return found
    finally:
        consumer.close()


def _ends(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """Return a partition's first and end offsets, as soon as the broker knows them."""

    def ask() -> tuple[int, int] | None:
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET:
                raise
            return None

    found = wait_until(ask, message=f"the offsets of {topic}[{partition}]")
    assert found is not None
    return found


def _published(message: Any) -> Published:
    return Published(
        message.partition(), message.key(), message.value(), dict(message.headers() or ())
    )


def deduped(records: Iterable[Published]) -> Order:
    """Deduplicate records as consumers do, by log position for each account (invariant I5)."""
    seen: dict[str, int] = {}
    order: Order = {}
    for each in records:
        account_id, position = each.header("ce_subject"), int(each.header("log_position"))
        assert each.key == account_id.encode()
        if position > seen.get(account_id, 0):
            seen[account_id] = position
            order.setdefault(account_id, []).append(each.header("event_id"))
    return order


def decided(database: TestDatabase) -> Order:
    """Return the decisions in the event log."""
    order: Order = {}
    with Database(database.service_url).connect() as connection:
        for logged in read_whole_log(connection):
            if isinstance(logged.event, AuthorizationApproved | AuthorizationDeclined):
                account_id = account_of(logged.event.originator_id)
                order.setdefault(account_id, []).append(logged.event.event_id)
    return order


def decide(database: TestDatabase, accounts: int, purchases: int, name: str = "tx") -> None:
    """Record this many purchases on each of this many accounts, in batches."""
    with Database(database.service_url).connect() as connection:
        ids = [f"acc-{number}" for number in range(accounts)]
        record(connection, [opening(account_id) for account_id in ids])
        purchases_of_all = [
            purchase(each, f"{name}-{number}", 1) for number in range(purchases) for each in ids
        ]
        for start in range(0, len(purchases_of_all), _COMMIT_SIZE):
            record(connection, purchases_of_all[start : start + _COMMIT_SIZE])


def wait_for_publisher(
    database: TestDatabase, *, timeout_s: float = 120, feed: str = "decisions"
) -> None:
    """Wait until a feed has published the log to its end."""
    with Database(database.service_url).connect() as connection:

        def done() -> bool:
            return checkpoint(database, feed) == last_position(connection)

        wait_until(done, timeout_s=timeout_s, message=f"{feed} to be published")


def checkpoint(database: TestDatabase, feed: str = "decisions") -> int:
    """Return the log position up to which a feed has published."""
    with Database(database.service_url).connect() as connection:
        row = connection.execute(
            "SELECT position FROM checkpoints WHERE name = %s", (f"publisher:{feed}",)
        ).fetchone()
        return row[0] if row else 0
