"""The publisher beside a bare produce loop: same records, same broker, same producer settings.

The broker is librdkafka's mock cluster, so that this runs wherever Python does. It stores
nothing, which is in favour of the bare loop: the ratio on a real broker is no worse.
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
from txplatform.database import Database
from txplatform.demo.bus import DemoBus
from txplatform.demo.postgres import DemoPostgres
from txplatform.domain.account import DecisionContext
from txplatform.domain.commands.authorize import Authorize
from txplatform.domain.commands.open_account import OpenAccount
from txplatform.domain.ids import AccountId, TransactionId, account_stream
from txplatform.domain.purchase import Merchant, Purchase
from txplatform.domain.values import Opening
from txplatform.eventstore.log import last_position
from txplatform.eventstore.migrations import migrate
from txplatform.eventstore.query import run
from txplatform.gc_tuning import collect_seldom
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.publisher.delivery import producer_config
from txplatform.publisher.event_feed import Outbound
from txplatform.publisher.feed import Record
from txplatform.publisher.runner import Publisher
from txplatform.settings import Settings
from txplatform.telemetry import configure_logging

ACCOUNTS = 1000
DECISIONS = 60_000
ROUNDS = 3
"""At least; noise hits both sides of a round alike, and the median of the rounds counts."""

_COMMIT_SIZE = 2000
_LIMIT = 100 * DECISIONS // ACCOUNTS - 500
"""So that the last few decisions of each account are declines."""

_SHOP = Merchant("m-17", "Corner Books", "5942", "USA")
_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_LOOK_S = 0.01
"""How often the checkpoint is looked at."""


def measure(bench_folder: Path, seconds: float) -> list[Row]:
    """Both rates, in decisions a second."""
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
        # As a real one does. Else the collector would also go through the bare loop's records
        # while the publisher works.
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
    """The median rates, bare and published, of rounds that take turns."""
    bare: list[float] = []
    published: list[float] = []
    started = perf_counter()
    while len(bare) < ROUNDS or perf_counter() - started < seconds:
        bare.append(_bare(settings, records))
        published.append(_published(settings, database))
    return median(bare), median(published)


def _bare(settings: Settings, records: Sequence[Record]) -> float:
    """The simplest program that sends these records and sees that all of them arrived."""
    arrived = 0

    def on_delivery(error: object, _: object) -> None:
        nonlocal arrived
        if error is not None:
            raise RuntimeError(error)
        arrived += 1

    producer = Producer(producer_config(settings))
    for record in records[:1]:  # connected, and known to the broker, before the clock starts
        producer.produce(record.topic, record.body, record.key)
        producer.flush()
    produce: Callable[..., None] = producer.produce
    started = perf_counter()
    for topic, key, body, headers in records:
        produce(topic, body, key, headers=headers, on_delivery=on_delivery)
        producer.poll(0)
    producer.flush()
    took = perf_counter() - started
    if arrived != len(records):
        raise RuntimeError(f"{arrived} of {len(records)} records arrived")
    return len(records) / took


def _published(settings: Settings, database: Database) -> float:
    """From its first checkpoint to its last, every feed of the real publisher at work."""
    with database.connect() as connection:
        connection.execute("UPDATE publisher_checkpoints SET position = 0")
        end = last_position(connection)
        with _publishing(settings, database):
            while (first := _checkpoint(connection)) == 0:
                sleep(_LOOK_S)
            started = perf_counter()
            while _checkpoint(connection) < end:
                sleep(_LOOK_S)
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
        "SELECT position FROM publisher_checkpoints WHERE feed = %s", (Outbound.name,)
    ).fetchone()
    return int(row[0]) if row else 0


def _records(connection: psycopg.Connection) -> list[Record]:
    """What the publisher sends of this log."""
    feed, after = Outbound(), 0
    records: list[Record] = []
    while batch := feed.read(connection, after):
        records += batch.records
        after = batch.upto
    return records


def _fill(connection: psycopg.Connection) -> None:
    """Decisions that go round the accounts, as many purchases on each."""
    work, ids = UnitOfWork(), iter(range(sys.maxsize))
    accounts = [AccountId(f"bench-{number}") for number in range(ACCOUNTS)]

    def context() -> DecisionContext:
        return DecisionContext(datetime.now(UTC), lambda: f"{next(ids):032x}", _TRACE)

    for account in accounts:
        command = OpenAccount(Opening(account, "USD", _LIMIT))
        work.execute(account_stream(account), command, context())
    for number in range(DECISIONS):
        account = accounts[number % ACCOUNTS]
        purchase = Purchase(TransactionId(f"bench-{number}"), account, 100, "USD", _SHOP)
        work.execute(account_stream(account), Authorize(purchase), context())
        if (number + 1) % _COMMIT_SIZE == 0:
            run(connection, work.append())


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="txplatform-bench-") as folder:
        Path(folder).chmod(0o755)
        bare, published = measure(Path(folder), seconds=10)
    for row in (bare, published):
        print(f"{row.name:35}{row.value:10,.0f} {row.unit}")
    print(f"{'ratio':35}{published.value / bare.value:10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
