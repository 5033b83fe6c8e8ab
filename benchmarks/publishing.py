"""The publisher and a bare produce loop with the same records, broker and producer settings.

The broker is librdkafka's mock cluster, so the benchmark needs no Kafka. It stores nothing, which
favours the bare loop: the ratio on a real broker is no worse.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import psycopg
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from benchmarks.rows import Row
from benchmarks.stand import ORIGIN
from txplatform.database import Database
from txplatform.demo.bus import DemoBus
from txplatform.demo.postgres import DemoPostgres
from txplatform.domain.account import DecisionContext
from txplatform.domain.ids import AccountId, TransactionId, account_stream
from txplatform.domain.requests import Merchant, Opening, Purchase
from txplatform.eventstore.log import last_position
from txplatform.eventstore.migrations import migrate
from txplatform.eventstore.query import run_queries
from txplatform.gc_tuning import collect_seldom
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.publisher.delivery import producer_config
from txplatform.publisher.event_feed import EventFeed
from txplatform.publisher.feed import Record
from txplatform.publisher.runner import Publisher
from txplatform.settings import Settings
from txplatform.telemetry import configure_logging

ACCOUNTS = 1000
DECISIONS = 60_000
ROUNDS = 3
"""The least number of rounds. Noise affects both loops of a round; the median counts."""

_COMMIT_SIZE = 2000
_LIMIT = 100 * DECISIONS // ACCOUNTS - 500
"""The credit limit, low enough that the last few decisions of each account are declines."""

_SHOP = Merchant("m-17", "Corner Books", "5942", "USA")
_POLL_S = 0.01
"""The interval at which the checkpoint is read."""


def measure(bench_folder: Path, seconds: float) -> list[Row]:
    """Measure both rates, in decisions a second."""
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
            log_level="warning",
        )
        configure_logging(settings)
        database = Database.for_service(settings)
        with database.connect() as connection:
            _fill(connection)
            records = _records(connection)
        # As a worker process does. Otherwise the collector would also traverse the records of the
        # bare loop while the publisher works.
        collect_seldom()
        stack.callback(gc.unfreeze)
        bare, published = _rounds(settings, database, records, seconds)
    at = {"accounts": ACCOUNTS, "decisions": DECISIONS}
    return [
        Row("publisher", "bare produce loop, same headers", bare, "decisions/s", settings=at),
        Row("publisher", "publisher, log to Kafka", published, "decisions/s", settings=at),
    ]


def _rounds(
    settings: Settings, database: Database, records: Sequence[Record], seconds: float
) -> tuple[float, float]:
    """Alternate both loops; return the median rates of the bare loop and of the publisher."""
    bare: list[float] = []
    published: list[float] = []
    started = perf_counter()
    while len(bare) < ROUNDS or perf_counter() - started < seconds:
        bare.append(_bare(settings, records))
        published.append(_published(settings, database))
    return median(bare), median(published)


def _bare(settings: Settings, records: Sequence[Record]) -> float:
    """Send the records with the least possible code and check that all were delivered."""
    delivered = 0

    def on_delivery(error: object, _: object) -> None:
        nonlocal delivered
        if error is not None:
            raise RuntimeError(error)
        delivered += 1

    producer = Producer(producer_config(settings))
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
    """Return decisions a second, between the publisher's first and last checkpoint."""
    with database.connect() as connection:
        connection.execute("UPDATE checkpoints SET position = 0 WHERE name LIKE 'publisher:%'")
        end = last_position(connection)
        with _publishing(settings, database):
            while (first := _checkpoint(connection)) == 0:
                sleep(_POLL_S)
            started = perf_counter()
            while _checkpoint(connection) < end:
                sleep(_POLL_S)
            return (end - first) / (perf_counter() - started)


@contextmanager
def _publishing(settings: Settings, database: Database) -> Iterator[None]:
    stop = threading.Event()
    publisher = Publisher(settings, database, CollectorRegistry())
    thread = threading.Thread(target=publisher.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _checkpoint(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "SELECT position FROM checkpoints WHERE name = %s", (f"publisher:{EventFeed.name}",)
    ).fetchone()
    return int(row[0]) if row else 0


def _records(connection: psycopg.Connection) -> list[Record]:
    """Return the records that the publisher sends for this log."""
    feed, after = EventFeed(), 0
    records: list[Record] = []
    while batch := feed.read(connection, after):
        records += batch.records
        after = batch.upto
    return records


def _fill(connection: psycopg.Connection) -> None:
    """Record the same number of purchases for each account, in turn."""
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


def main() -> int:
    """Measure for ten seconds and print both rates and their ratio."""
    with tempfile.TemporaryDirectory(prefix="txplatform-bench-") as folder:
        Path(folder).chmod(0o755)
        bare, published = measure(Path(folder), seconds=10)
    for row in (bare, published):
        print(f"{row.name:35}{row.value:10,.0f} {row.unit}")
    print(f"{'ratio':35}{published.value / bare.value:10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
