"""Inbound messages: bodies, a producer, a running consumer, and the outcomes."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from harness.histories import stored_account
from harness.parts import running
from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform.consumers.runner import InboundConsumer
from txplatform.contracts.inbound_messages import InboundMessageResponse
from txplatform.database import Database
from txplatform.inbox.message_list import list_messages
from txplatform.settings import Settings

OPENED = "accounts.account-opened.v1"
LIMIT_CHANGED = "accounts.credit-limit-changed.v1"
SUBMITTED = "payments.payment-submitted.v1"
RETURNED = "payments.payment-returned.v1"
PRESENTED = "settlement.presentment-received.v1"
STATUS_CHANGED = "accounts.account-status-changed.v1"
TIME = "2026-11-20T10:15:00Z"

Body = dict[str, Any]


def opened(account_id: str, *, credit_limit: int = 500_000, currency: str = "USD") -> Body:
    """Return the body of an account-opened message."""
    return {
        "account_id": account_id,
        "currency": currency,
        "credit_limit": credit_limit,
        "opened_at": TIME,
    }


def limit_changed(account_id: str, version: int, credit_limit: int) -> Body:
    """Return the body of a credit-limit-changed message."""
    return {
        "account_id": account_id,
        "credit_limit": credit_limit,
        "currency": "USD",
        "limit_version": version,
        "effective_at": TIME,
    }


def payment(payment_id: str, account_id: str, amount: int = 100, *, currency: str = "USD") -> Body:
    """Return the body of a payment-submitted message."""
    return {
        "payment_id": payment_id,
        "account_id": account_id,
        "amount": amount,
        "currency": currency,
        "submitted_at": TIME,
    }


def returned(payment_id: str, account_id: str, amount: int = 100, *, currency: str = "USD") -> Body:
    """Return the body of a payment-returned message."""
    return {
        "payment_id": payment_id,
        "account_id": account_id,
        "amount": amount,
        "currency": currency,
        "reason": "insufficient funds",
        "returned_at": TIME,
    }


def presentment(clearing_id: str, amount: int = 100, **more: Any) -> Body:
    """Return the body of a presentment-received message for purchase `tx` on `acc-1`."""
    return {
        "clearing_id": clearing_id,
        "account_id": "acc-1",
        "transaction_id": "tx",
        "direction": "debit",
        "reverses_clearing_id": None,
        "amount": amount,
        "currency": "USD",
        "original_amount": None,
        "original_currency": None,
        "final": True,
        "merchant": {
            "id": "m-17",
            "name": "Corner Books",
            "category_code": "5942",
            "country": "USA",
        },
        "presented_at": TIME,
        **more,
    }


def status_changed(status: str, version: int) -> Body:
    """Return the body of an account-status-changed message for `acc-1`."""
    return {
        "account_id": "acc-1",
        "status": status,
        "status_version": version,
        "reason": "Reported lost.",
        "changed_at": TIME,
    }


class Sender:
    """A producer that sends inbound messages as another team would."""

    def __init__(self, bootstrap: str, **more: str) -> None:
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "enable.idempotence": True, **more}
        )

    def send(self, topic: str, body: Body, **headers: str) -> None:
        """Send a body keyed by its account id; underscores in header names become hyphens."""
        self.send_raw(
            topic,
            body["account_id"].encode(),
            json.dumps(body).encode(),
            [(name.replace("_", "-"), value.encode()) for name, value in headers.items()],
        )

    def send_raw(
        self,
        topic: str,
        key: bytes | None,
        body: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> None:
        """Send a record with any key, body and headers."""
        while True:
            try:
                self._producer.produce(topic, key=key, value=body, headers=list(headers))
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def flush(self) -> None:
        """Wait until the broker has acknowledged all messages."""
        assert self._producer.flush(30) == 0


def settings_for(database: TestDatabase, bootstrap: str, **more: Any) -> Settings:
    """Return settings for a consumer, with a new consumer group unless one is given."""
    return Settings(
        _env_file=None,
        **{
            "database_url": database.service_url,
            "kafka_bootstrap_servers": bootstrap,
            "kafka_group_id": f"test-{uuid.uuid4()}",
            **more,
        },
    )


@contextmanager
def consuming(settings: Settings) -> Iterator[InboundConsumer]:
    """Run a consumer in a thread. If the consumer fails, raise its exception."""
    consumer = InboundConsumer(settings, settings.service_database, CollectorRegistry())
    with running(consumer):
        yield consumer


def inbox(database: TestDatabase, **filters: Any) -> list[InboundMessageResponse]:
    """Return the messages in the inbox with their outcomes, oldest first."""
    with Database(database.service_url).connect() as connection:
        return list_messages(connection, limit=500, **filters).items


def wait_for_messages(database: TestDatabase, count: int, *, timeout_s: float = 120) -> None:
    """Wait until the inbox holds at least this many messages."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:

        def reached() -> bool:
            row = connection.execute("SELECT count(*) FROM inbound_messages").fetchone()
            assert row is not None
            return bool(row[0] >= count)

        wait_until(reached, timeout_s=timeout_s, message=f"{count} messages in the inbox")


def consume_in_any_order(
    database: TestDatabase, bootstrap: str, messages: Sequence[tuple[str, Body]], *, seed: int
) -> list[str]:
    """Send each message twice to each of 30 accounts, in random order, and have all consumed.

    Args:
        database: The consumer's database, which has no messages yet.
        bootstrap: The brokers' address.
        messages: Topics and bodies; the `account_id` of a body is replaced.
        seed: Determines the orders.

    Returns:
        The ids of the accounts.
    """
    shuffled = random.Random(seed)
    accounts = [f"acc-{number}" for number in range(30)]
    sender = Sender(bootstrap)
    with consuming(settings_for(database, bootstrap)):
        for account_id in accounts:
            mine = [*messages] * 2
            shuffled.shuffle(mine)
            for topic, body in mine:
                sender.send(topic, {**body, "account_id": account_id})
        sender.flush()
        wait_for_messages(database, 2 * len(messages) * len(accounts))
    return accounts


def posted(database: TestDatabase, account_id: str) -> int:
    """Return the posted balance of an account, in minor units."""
    return stored_account(database, account_id).posted


def execute(database: TestDatabase, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement as the database owner, and return its rows."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []
