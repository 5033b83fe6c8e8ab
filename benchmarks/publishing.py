"""Compare the publisher with a bare produce loop of the same records, broker and settings.

The mock broker stores nothing, which favours the bare loop. The ratio on a real broker is no worse.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter, sleep

import psycopg
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from benchmarks.rows import Row
from benchmarks.stand import ORIGIN
from benchmarks.workers import POLL_S, median_rates, running, worker_settings
from txplatform.database import Database
from txplatform.domain.account import DecisionContext
from txplatform.domain.ids import AccountId, TransactionId, account_stream
from txplatform.domain.requests import Merchant, Opening, Purchase
from txplatform.eventstore.log import last_position
from txplatform.eventstore.query import run_queries
from txplatform.kafka import ReportedCauses
from txplatform.process_setup import collect_seldom
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.publisher.delivery import producer_config
from txplatform.publisher.event_feed import EventFeed
from txplatform.publisher.feed import Record
from txplatform.publisher.runner import Publisher
from txplatform.settings import Settings

ACCOUNTS = 1000
DECISIONS = 60_000

_COMMIT_SIZE = 2000
_LIMIT = 100 * DECISIONS // ACCOUNTS - 500
"""The credit limit, low enough that the last few decisions of each account are declines."""

_SHOP = Merchant("m-17", "Corner Books", "5942", "USA")


def measure(seconds: float) -> list[Row]:
    """Measure both rates, in decisions per second."""
    with worker_settings() as settings:
        database = settings.service_database
        with database.connect() as connection:
            _fill(connection)
            records = _records(connection)
        # As a worker process does. Otherwise the collector would also traverse the records of the
        # bare loop while the publisher works.
        collect_seldom()
        try:
            bare, published = median_rates(
                lambda _: (_bare(settings, records), _published(settings, database)), seconds
            )
        finally:
            gc.unfreeze()
    at = {"accounts": ACCOUNTS, "decisions": DECISIONS}
    return [
        Row("publisher", "bare produce loop, same headers", bare, "decisions/s", settings=at),
        Row("publisher", "publisher, log to Kafka", published, "decisions/s", settings=at),
    ]


def _bare(settings: Settings, records: Sequence[Record]) -> float:
    """Send the records with the least possible code and check that all were delivered."""
    delivered = 0

    def on_delivery(error: object, _: object) -> None:
        nonlocal delivered
        if error is not None:
            raise RuntimeError(error)
        delivered += 1

    producer = Producer(producer_config(settings, ReportedCauses()))
    for record in records[:1]:  # connects before the clock starts
        producer.produce(record.topic, record.body, record.key)
        producer.flush()
    produce: Callable[..., None] = producer.produce
    started = perf_counter()
    for topic, key, body, headers in records:
        produce(topic, body, key, headers=headers, on_delivery=on_delivery)
        producer.poll(0)
    producer.flush()
    took = perf_counter() - started
    if delivered != len(records):
        raise RuntimeError(f"{delivered} of {len(records)} records were delivered")
    return len(records) / took


def _published(settings: Settings, database: Database) -> float:
    """Return decisions per second between the publisher's first and last checkpoint."""
    with settings.owner_database.connect() as owner:
        owner.execute("UPDATE checkpoints SET position = 0 WHERE name LIKE 'publisher:%'")
    with database.connect() as connection:
        end = last_position(connection)
        with running(Publisher(settings, database, CollectorRegistry())):
            while (first := _checkpoint(connection)) == 0:
                sleep(POLL_S)
            started = perf_counter()
            while _checkpoint(connection) < end:
                sleep(POLL_S)
            return (end - first) / (perf_counter() - started)


def _checkpoint(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "SELECT position FROM checkpoints WHERE name = %s", (f"publisher:{EventFeed.name}",)
    ).fetchone()
    return int(row[0]) if row else 0


def _records(connection: psycopg.Connection) -> list[Record]:
    feed, after = EventFeed(), 0
    records: list[Record] = []
    while batch := feed.read(connection, after):
        records += batch.records
        after = batch.upto
    return records


def _fill(connection: psycopg.Connection) -> None:
    work, ids = UnitOfWork(), iter(range(sys.maxsize))
    accounts = [AccountId(f"bench-{number}") for number in range(ACCOUNTS)]

    def context() -> DecisionContext:
        return DecisionContext(datetime.now(UTC), lambda: f"{next(ids):032x}", ORIGIN)

    for account in accounts:
        command = Opening(account, "USD", _LIMIT)
        work.execute(account_stream(account), command, context())
    for number in range(DECISIONS):
        account = accounts[number % ACCOUNTS]
        purchase = Purchase(TransactionId(f"bench-{number}"), account, 100, "USD", _SHOP)
        work.execute(account_stream(account), purchase, context())
        if (number + 1) % _COMMIT_SIZE == 0:
            run_queries(connection, work.append())
