"""Consumers that compete with other writers of accounts or other owners of partitions."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
from confluent_kafka import Producer

from harness.commands import ORIGIN
from harness.inbound import (
    OPENED,
    SUBMITTED,
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
from txplatform.database import Database
from txplatform.domain.account import DecisionContext
from txplatform.domain.advices import Payment
from txplatform.domain.commands import decide
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.ids import AccountId, PaymentId
from txplatform.eventstore.accounts import Accounts
from txplatform.eventstore.statements import APPEND, append_parameters

PAYMENTS = 1000


def test_every_message_counts_once_if_others_write_to_the_same_account(
    database: TestDatabase, topics: str
) -> None:
    """Messages with a conflict are decided again under the log's lock (I2, I3)."""
    sender = Sender(topics)
    with consuming(settings_for(database, topics, consumer_batch_messages=10)):
        sender.send(OPENED, opened("acc-1"))
        sender.flush()
        wait_for_messages(database, 1)
        done = threading.Event()
        written = 0

        def write() -> None:
            nonlocal written
            with Database(database.service_url).connect() as connection:
                accounts = Accounts(connection)
                while not done.is_set():
                    account = accounts.account(AccountId("acc-1"))
                    paid = Payment(
                        PaymentId(f"other-{written}"),
                        AccountId("acc-1"),
                        1000,
                        "USD",
                        datetime(2026, 11, 20, tzinfo=UTC),
                    )
                    context = DecisionContext(datetime.now(UTC), lambda: uuid4().hex, ORIGIN)
                    decide(paid, account, PriorEvents(), context)
                    events = append_parameters(account.collect_events())
                    if connection.execute(APPEND, events).fetchone() == ([],):
                        written += 1

        writer = threading.Thread(target=write)
        writer.start()
        # The consumer has cached the account, so its first payment conflicts with unread events.
        wait_until(lambda: written > 0, message="the other writer")
        for number in range(PAYMENTS):
            sender.send(SUBMITTED, payment(f"p-{number}", "acc-1", 1))
        sender.flush()
        wait_for_messages(database, 1 + PAYMENTS)
        done.set()
        writer.join()
    assert posted(database, "acc-1") == -PAYMENTS - 1000 * written
    assert {message.status.value for message in inbox(database)} == {"applied"}


def test_two_owners_of_the_same_partitions_fence_each_other(
    database: TestDatabase, topics: str
) -> None:
    """Two groups read all messages, and each message has one effect."""
    sender = Sender(topics)
    sender.send(OPENED, opened("acc-1"))
    for number in range(PAYMENTS):
        sender.send(SUBMITTED, payment(f"p-{number}", f"acc-{number % 7}", 1))
    sender.flush()
    with (
        consuming(settings_for(database, topics, consumer_batch_messages=10)),
        consuming(settings_for(database, topics, consumer_batch_messages=10)),
    ):
        wait_for_messages(database, 1 + PAYMENTS)
    assert execute(database, "SELECT count(*) FROM inbound_messages") == [(1 + PAYMENTS,)]
    assert execute(database, "SELECT sum(next_offset) FROM inbound_positions") == [(1 + PAYMENTS,)]
    assert posted(database, "acc-1") == -len(range(1, PAYMENTS, 7))


def test_ids_become_visible_in_order(database: TestDatabase, topics: str) -> None:
    """While two consumers write, a reader that sees an id also sees every lower id."""
    settings = settings_for(database, topics, consumer_batch_messages=10)
    seen: list[int] = []
    with (
        consuming(settings),
        consuming(settings) as second,
        psycopg.connect(database.owner_url, autocommit=True) as reader,
    ):
        wait_until(lambda: second.health().figures.get("partitions"), message="both to read")
        sender = Sender(topics)
        for number in range(PAYMENTS):
            sender.send_raw(SUBMITTED, str(number).encode(), str(number).encode())
        sender.flush()

        def read_on() -> bool:
            rows = reader.execute(
                "SELECT id FROM inbound_messages WHERE id > %s ORDER BY id",
                (seen[-1] if seen else 0,),
            )
            seen.extend(row[0] for row in rows)
            return len(seen) >= PAYMENTS

        wait_until(read_on, message="all ids to be seen")
    assert execute(database, "SELECT count(*) FROM inbound_messages") == [(len(seen),)]


def test_the_consumer_reads_the_embedded_bus(database: TestDatabase) -> None:
    """librdkafka's mock cluster creates topics at the first message and has no topic ids."""
    cluster = Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 1})
    (broker,) = cluster.list_topics(timeout=10).brokers.values()
    bootstrap = f"{broker.host}:{broker.port}"
    with consuming(settings_for(database, bootstrap)) as consumer:
        wait_until(
            lambda: "does not exist" in consumer.health().detail, message="topics to be missed"
        )
        sender = Sender(bootstrap)
        sender.send(OPENED, opened("acc-1"))
        sender.send(SUBMITTED, payment("p-1", "acc-1", 5))
        sender.flush()
        wait_for_messages(database, 2)
        wait_until(lambda: posted(database, "acc-1") == -5, message="the payment to be applied")
    cluster.flush(1)
