"""Messages sent in Kafka transactions, whose markers have their own offsets."""

from __future__ import annotations

import json

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from harness.inbound import (
    OPENED,
    SUBMITTED,
    Body,
    Sender,
    consuming,
    execute,
    inbox,
    opened,
    payment,
    posted,
    settings_for,
    wait_for_messages,
)
from harness.postgres import TestDatabase
from harness.waiting import wait_until

ACCOUNT = "acc-1"


class TransactionalSender:
    """A producer that sends in transactions, as another team may."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name})
        self._producer.init_transactions(30)

    def send(self, topic: str, bodies: list[Body], *, commit: bool) -> None:
        """Send messages in one transaction, and commit or abort it."""
        self._producer.begin_transaction()
        for body in bodies:
            self._producer.produce(topic, json.dumps(body).encode(), ACCOUNT.encode(), partition=0)
        assert self._producer.flush(30) == 0
        if commit:
            self._producer.commit_transaction()
        else:
            self._producer.abort_transaction()


def test_committed_messages_are_applied_and_none_is_reported_as_unread(
    database: TestDatabase, topics: str
) -> None:
    """After retention has deleted all records, a restart reports no loss either."""
    settings = settings_for(database, topics)
    sender = Sender(topics)
    sender.send(OPENED, opened(ACCOUNT))
    sender.flush()
    in_transactions = TransactionalSender(topics, database.name)
    in_transactions.send(SUBMITTED, [payment("p-1", ACCOUNT, 5)], commit=True)
    in_transactions.send(SUBMITTED, [payment("p-2", ACCOUNT, 7)], commit=False)
    with consuming(settings) as consumer:
        wait_for_messages(database, 2)
        wait_until(
            lambda: (lag := consumer.health().figures.get("lag")) and not any(lag.values()),
            message="every lag to be zero",
        )
        in_transactions.send(SUBMITTED, [payment("p-3", ACCOUNT, 11)], commit=True)
        wait_for_messages(database, 3)
        # The lag may be zero before the client sees the end of the transaction. The position
        # reaches the topic's end only after three records and three markers.
        wait_until(
            lambda: (
                execute(
                    database,
                    "SELECT next_offset FROM inbound_positions WHERE topic = %s AND partition = 0",
                    SUBMITTED,
                )
                == [(6,)]
            ),
            message="the position to pass the last marker",
        )
        assert not any(consumer.health().figures["lag"].values())
    admin = AdminClient({"bootstrap.servers": topics})
    all_of_it = TopicPartition(SUBMITTED, 0, -1)
    for deletion in admin.delete_records([all_of_it]).values():
        deletion.result(30)
    with consuming(settings) as consumer:
        wait_until(
            lambda: consumer.health().ready or "deleted unread" in consumer.health().detail,
            message="the consumer to be ready",
        )
        assert consumer.health().ready, consumer.health().detail
        in_transactions.send(SUBMITTED, [payment("p-4", ACCOUNT, 13)], commit=True)
        wait_for_messages(database, 4)
    assert [message.offset for message in inbox(database, topic=SUBMITTED)] == [0, 4, 6]
    assert posted(database, ACCOUNT) == -(5 + 11 + 13)
