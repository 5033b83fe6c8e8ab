"""The consumer and a bare psycopg loop with the same rows, statements and batch size.

Each round opens accounts, sends payments for them and lets the consumer apply these. Then the bare
loop inserts copies of the rows that the consumer wrote, for other accounts and without deciding
anything. The broker is librdkafka's mock cluster, so the benchmark needs no Kafka.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any, LiteralString
from uuid import uuid4

import orjson
import psycopg
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from benchmarks.rows import Row
from benchmarks.stand import ORIGIN
from txplatform.consumers.runner import InboundConsumer
from txplatform.contracts.messages import PaymentSubmittedMessage
from txplatform.database import Database
from txplatform.demo.bus import DemoBus
from txplatform.demo.postgres import DemoPostgres
from txplatform.domain.account import DecisionContext
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.requests import Opening
from txplatform.eventstore.migrations import migrate
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.statements import APPEND
from txplatform.gc_tuning import collect_seldom
from txplatform.inbox.writer import INSERT
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.settings import Settings
from txplatform.telemetry import configure_logging

ACCOUNTS = 1000
MESSAGES = 20_000
"""Messages of a round."""
ROUNDS = 3
"""The least number of rounds. Noise affects both loops of a round; the median counts."""

_CONSUMERS, _COPIES = "bench-", "plain-"
"""Prefixes of the accounts of the consumer and of the bare loop."""
_COPIED = "a copy"
"""The cluster id of the copied rows, since the inbox has one row per message."""
_POLL_S = 0.01
"""The interval at which the positions are read."""

_WRITTEN_EVENTS = """
SELECT replace(originator_id, %(ours)s, %(copies)s), originator_version, event_key, topic, state,
       transaction_id
FROM events WHERE position > %(position)s ORDER BY position
"""
_WRITTEN_LEDGER = """
SELECT %(cluster)s, topic, topic_id, partition, "offset", sent_at, key, headers::text, body,
       content_sha256, traceparent, replace(account_id, %(ours)s, %(copies)s), business_key,
       status, reason, detail, event_id, account_version
FROM inbound_messages WHERE id > %(id)s ORDER BY id
"""
_ENDS = """
SELECT (SELECT max(position) FROM events), (SELECT coalesce(max(id), 0) FROM inbound_messages)
"""
_READ_SO_FAR = "SELECT coalesce(sum(next_offset), 0)::bigint FROM inbound_positions"


def measure(bench_folder: Path, seconds: float) -> list[Row]:
    """Measure both rates, in messages a second."""
    with ExitStack() as stack:
        postgres = DemoPostgres(bench_folder)
        stack.callback(postgres.stop)
        urls = postgres.start()
        migrate(urls.owner, urls.service)
        bus = DemoBus()
        settings = Settings(
            _env_file=None,
            database_url=urls.service,
            kafka_bootstrap_servers=bus.bootstrap_servers,
        )
        configure_logging(settings)  # as a worker process does
        collect_seldom()  # likewise
        connection = stack.enter_context(Database.for_service(settings).connect())
        bare, consumed = _rounds(settings, connection, seconds)
    at = {"accounts": ACCOUNTS, "messages": MESSAGES, "batch": settings.consumer_batch_messages}
    return [
        Row("consumers", "bare psycopg loop, same rows", bare, "messages/s", settings=at),
        Row("consumers", "consumer, Kafka to commit", consumed, "messages/s", settings=at),
    ]


def _rounds(
    settings: Settings, connection: psycopg.Connection, seconds: float
) -> tuple[float, float]:
    """Alternate both loops; return the median rates of the bare loop and of the consumer."""
    bare: list[float] = []
    consumed: list[float] = []
    started = perf_counter()
    while len(bare) < ROUNDS or perf_counter() - started < seconds:
        accounts = [f"r{len(bare)}-{number}" for number in range(ACCOUNTS)]
        _open_accounts(connection, accounts)
        position, message_id = _row(connection, _ENDS)
        _send(settings, accounts)
        consumed.append(_consumed(settings, connection))
        to_copy = {
            "ours": _CONSUMERS,
            "copies": _COPIES,
            "cluster": _COPIED,
            "position": position,
            "id": message_id,
        }
        size = settings.consumer_batch_messages
        events = connection.execute(_WRITTEN_EVENTS, to_copy).fetchall()
        ledger = connection.execute(_WRITTEN_LEDGER, to_copy).fetchall()
        if len(events) != MESSAGES or len(ledger) != MESSAGES:
            raise RuntimeError(f"{len(events)} events and {len(ledger)} rows of {MESSAGES}")
        bare.append(_bare(connection, _columns(events, size), _columns(ledger, size)))
    return median(bare), median(consumed)


def _bare(
    connection: psycopg.Connection, events: list[list[Any]], ledger: list[list[Any]]
) -> float:
    """Insert the rows batch by batch with the least possible code; return messages a second."""
    started = perf_counter()
    for batch_events, batch_ledger in zip(events, ledger, strict=True):
        with connection.transaction(), connection.cursor(binary=True) as cursor:
            cursor.execute(APPEND, batch_events, prepare=True)
            cursor.execute(INSERT, batch_ledger, prepare=True)
    return MESSAGES / (perf_counter() - started)


def _columns(rows: list[tuple[Any, ...]], size: int) -> list[list[Any]]:
    """Split the rows into batches, each a list of columns as the statements need them."""
    batches = (rows[first : first + size] for first in range(0, len(rows), size))
    return [[list(column) for column in zip(*batch, strict=True)] for batch in batches]


def _consumed(settings: Settings, connection: psycopg.Connection) -> float:
    """Return messages a second, between the consumer's first and last commit of the round."""
    before = _read_so_far(connection)
    with _consuming(settings):
        while (first := _read_so_far(connection)) == before:
            sleep(_POLL_S)
        started = perf_counter()
        while (now := _read_so_far(connection)) < before + MESSAGES:
            sleep(_POLL_S)
        return (now - first) / (perf_counter() - started)


@contextmanager
def _consuming(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    database = Database.for_service(settings)
    consumer = InboundConsumer(settings, database, CollectorRegistry())
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _read_so_far(connection: psycopg.Connection) -> int:
    (messages,) = _row(
        connection, "SELECT coalesce(sum(next_offset), 0)::bigint FROM inbound_positions"
    )
    return int(messages)


def _send(settings: Settings, accounts: Sequence[str]) -> None:
    """Send the same number of payments to each account, in turn."""
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "linger.ms": 20})
    for number in range(MESSAGES):
        account = _CONSUMERS + accounts[number % ACCOUNTS]
        body = {
            "payment_id": f"payment-{number}",
            "account_id": account,
            "amount": 100,
            "currency": "USD",
            "submitted_at": "2026-11-20T10:15:00Z",
        }
        producer.produce(PaymentSubmittedMessage.TOPIC, orjson.dumps(body), account)
        producer.poll(0)
    producer.flush()


def _open_accounts(connection: psycopg.Connection, accounts: Sequence[str]) -> None:
    work = UnitOfWork()
    context = DecisionContext(datetime.now(UTC), lambda: uuid4().hex, ORIGIN)
    for prefix in (_CONSUMERS, _COPIES):
        for each in accounts:
            account = AccountId(prefix + each)
            command = Opening(account, "USD", 0)
            work.execute(account_stream(account), command, context)
    run_queries(connection, work.append())


def _row(connection: psycopg.Connection, query: LiteralString) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


def main() -> int:
    """Measure for ten seconds and print both rates and their ratio."""
    with tempfile.TemporaryDirectory(prefix="txplatform-bench-") as folder:
        Path(folder).chmod(0o755)
        bare, consumed = measure(Path(folder), seconds=10)
    for row in (bare, consumed):
        print(f"{row.name:35}{row.value:10,.0f} {row.unit}")
    print(f"{'ratio':35}{consumed.value / bare.value:10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
