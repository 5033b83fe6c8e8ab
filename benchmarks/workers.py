"""The test bed of the consumer and the publisher: PostgreSQL, a mock broker, a worker thread."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

from txplatform.demo.bus import DemoBus
from txplatform.demo.postgres import DemoPostgres
from txplatform.eventstore.migrations import migrate
from txplatform.settings import Settings
from txplatform.telemetry import configure_logging
from txplatform.worker import Part

ROUNDS = 3
"""The least number of rounds, of which the median counts. Noise affects both loops of a round."""
POLL_S = 0.01
"""The interval at which the progress of a worker is read."""


@contextmanager
def worker_settings() -> Iterator[Settings]:
    """Start PostgreSQL and the broker; yield the settings of a worker that uses them.

    The broker is librdkafka's mock cluster, so the benchmark needs no Kafka.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="txplatform-bench-")))
        folder.chmod(0o755)  # the group's PostgreSQL may run as another user
        postgres = DemoPostgres(folder)
        stack.callback(postgres.stop)
        urls = postgres.start()
        migrate(urls.owner, urls.service)
        bus = DemoBus()
        settings = Settings(
            _env_file=None,
            database_url=urls.service,
            migration_database_url=urls.owner,
            kafka_bootstrap_servers=bus.bootstrap_servers,
            log_level="warning",
        )
        configure_logging(settings)  # as a worker process does
        yield settings


@contextmanager
def running(part: Part) -> Iterator[None]:
    """Run a part of a worker in a thread until the context ends."""
    stop = threading.Event()
    thread = threading.Thread(target=part.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def median_rates(
    measure_round: Callable[[int], tuple[float, float]], seconds: float
) -> tuple[float, float]:
    """Call `measure_round` with 0, 1, … for this time; return the medians of both rates."""
    rates: list[tuple[float, float]] = []
    started = perf_counter()
    while len(rates) < ROUNDS or perf_counter() - started < seconds:
        rates.append(measure_round(len(rates)))
    first, second = zip(*rates, strict=True)
    return median(first), median(second)
