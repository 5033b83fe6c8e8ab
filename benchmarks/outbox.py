"""Measure whether the outbox of a bank's service keeps up with its payments, on Apache Kafka.

The service runs as `txbank payments`. Threads of this process submit payments as an endpoint does
it, each in a transaction of its own. That is slower than what the outbox has to bear, so further
messages are stored without their payments, 20 in a transaction.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from time import perf_counter, sleep

import psycopg
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from psycopg.types.json import Jsonb

from benchmarks.brokers import running_broker
from benchmarks.rows import Row
from benchmarks.stand import ORIGIN, Effort
from txbank.database import Database
from txbank.payments import payment
from txbank.payments.payment import NewPayment
from txplatform.demo.postgres import DemoPostgres
from txplatform.demo.processes import Child, free_port
from txplatform_client.kafka import PaymentSubmitted, build

GROUP = "outbox"
SUBMITTED, BACKLOG = "payments submitted", "messages published, from a backlog"
BESIDE, OLDEST = "messages stored and published at the same time", "oldest message that waits then"
ACCOUNTS, MESSAGES, SUBMISSIONS = 10_000, 120_000, 10_000
WANTED_PER_S = 2_000
_THREADS, _PARTITIONS, _POLL_S, _AT_ONCE = 4, 12, 0.05, 20
_ACCOUNT = "INSERT INTO known_accounts VALUES (%s, 'EUR', %s)"
_STORE = "INSERT INTO outbox (topic, key, value, headers) VALUES (%s, %s, %s, %s)"
_OLDEST = "SELECT extract(epoch FROM now() - created_at)::float8 FROM outbox ORDER BY id LIMIT 1"


def measure(effort: Effort) -> list[Row]:
    """Publish a backlog of 120,000 messages, and then as many that are stored at 2,000/s.

    Fewer messages are taken if the loads are shorter than 3 s.
    """
    number = round(MESSAGES * min(1, effort.seconds / 3))
    with (
        tempfile.TemporaryDirectory(prefix="txplatform-bench-") as name,
        running_broker(warm_up_s=5) as broker,
    ):
        folder = Path(name)
        folder.chmod(0o755)
        admin = AdminClient({"bootstrap.servers": broker.address})
        topic = NewTopic(PaymentSubmitted.TOPIC, _PARTITIONS, 1)
        admin.create_topics([topic])[topic.topic].result()
        postgres = DemoPostgres(folder)
        try:
            postgres.start()
            rows = _measure(
                folder, postgres.own_database("txbank_payments"), broker.address, number
            )
        finally:
            postgres.stop()
    settings: dict[str, int | str] = {"accounts": ACCOUNTS, "broker": broker.name}
    return [
        Row(GROUP, name, round(value, 1), unit, settings=settings) for name, value, unit in rows
    ]


def _measure(folder: Path, url: str, broker: str, number: int) -> list[tuple[str, float, str]]:
    env = {
        "TXBANK_KAFKA_BOOTSTRAP_SERVERS": broker,
        "TXBANK_PLATFORM_KEY": "not-used",
        "TXBANK_PAYMENTS_DATABASE_URL": url,
        "TXBANK_PAYMENTS_PORT": str(free_port()),
    }
    command = [sys.executable, "-m", "txbank.cli"]
    subprocess.run([*command, "migrate", "payments"], check=True, env={**os.environ, **env})
    with psycopg.connect(url, autocommit=True) as connection:
        opened_at = datetime.now(UTC) - timedelta(days=365)
        accounts = ((f"acc-{each}", opened_at) for each in range(ACCOUNTS))
        connection.cursor().executemany(_ACCOUNT, accounts)
        submitted_s = _submit(url, SUBMISSIONS)
        _store(connection, number - SUBMISSIONS)
        child = Child("payments", [*command, "payments"], log=folder / "payments.log", env=env)
        try:
            left = number
            while left == number:  # until the service has started
                child.check()
                started, left = perf_counter(), _waiting(connection)
                sleep(_POLL_S)
            backlog = left
            while left:
                sleep(_POLL_S)
                left = _waiting(connection)
            published_s = perf_counter() - started
            with _watched(url) as ages_s:
                started = perf_counter()
                _store(connection, number, WANTED_PER_S)
                while _waiting(connection):
                    sleep(_POLL_S)
                beside_s = perf_counter() - started
        finally:
            child.stop()
    return [
        (SUBMITTED, SUBMISSIONS / submitted_s, "payments/s"),
        (BACKLOG, backlog / published_s, "messages/s"),
        (BESIDE, number / beside_s, "messages/s"),
        (OLDEST, max(ages_s) * 1000, "ms"),
    ]


def _store(connection: psycopg.Connection, number: int, per_second: float = inf) -> None:
    """Store messages of all accounts in turn, at this rate at most."""
    started = perf_counter()
    for first in range(0, number, _AT_ONCE):
        rows = []
        for each in range(first, min(first + _AT_ONCE, number)):
            record = build(
                PaymentSubmitted(
                    payment_id=f"pay-{each}",
                    account_id=f"acc-{each % ACCOUNTS}",
                    amount=5_000,
                    currency="EUR",
                ),
                source="/payments",
                traceparent=ORIGIN.traceparent,
            )
            headers = {name: value.decode() for name, value in record.headers}
            rows.append((record.topic, record.key, record.value, Jsonb(headers)))
        with connection.transaction():
            connection.cursor().executemany(_STORE, rows)
        sleep(max(0, started + (first + _AT_ONCE) / per_second - perf_counter()))


def _submit(url: str, number: int) -> float:
    """Submit payments of all accounts in turn; return the seconds that it took."""
    database = Database(url, "payments", connections=_THREADS)
    database.open()

    def submit(first: int) -> None:
        for each in range(first, number, _THREADS):
            wanted = NewPayment(
                payment_id=f"submitted-{each}",
                account_id=f"acc-{each % ACCOUNTS}",
                amount=5_000,
                currency="EUR",
                bank_account="DE89370400440532013000",
            )
            with database.transaction() as connection:
                payment.submit(connection, wanted, owed=None)

    started = perf_counter()
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(submit, range(_THREADS)))
    took = perf_counter() - started
    database.close()
    return took


def _waiting(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM outbox").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _watched(url: str) -> Iterator[list[float]]:
    """Note the age of the oldest message that waits, in seconds, until the context ends."""
    ages_s: list[float] = []
    ended = False

    def watch() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not ended:
                row = connection.execute(_OLDEST).fetchone()
                ages_s.append(0 if row is None else row[0])
                sleep(_POLL_S)

    with ThreadPoolExecutor(1) as thread:
        watching = thread.submit(watch)
        try:
            yield ages_s
        finally:
            ended = True
            watching.result()
