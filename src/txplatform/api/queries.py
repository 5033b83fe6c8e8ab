"""Run the database queries that are not on the hot path, in threads and with a timeout."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

import psycopg
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from txplatform.database import PASSING_FAULTS, Database
from txplatform.decisions.errors import StoreUnavailableError

T = TypeVar("T")

_Job = tuple[Callable[[psycopg.Connection], Any], Future[Any]]
"""A query, and the future for its result."""

TIMEOUT_S = 5.0
"""A frozen server neither responds nor closes the connection, so only a timeout ends the wait."""

_THREADS = 8


class Queries(Collector):
    """Runs short queries in a few threads, each with its own connection.

    The threads are daemons, unlike those of `ThreadPoolExecutor`, so a thread that waits for a
    frozen server cannot keep the process from stopping. psycopg_pool is not used, because its
    back-off may delay the reconnection for minutes after an outage.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._running: set[int] = set()
        """The threads that run a query."""

    def start(self) -> None:
        """Start the threads. Each thread connects at its first query."""
        for _ in range(_THREADS):
            threading.Thread(target=self._work, name="query", daemon=True).start()

    def stop(self) -> None:
        """End the threads."""
        for _ in range(_THREADS):
            self._jobs.put(None)

    async def run(self, read: Callable[[psycopg.Connection], T]) -> T:
        """Run a query in a thread, and return its result.

        Raises:
            StoreUnavailableError: The database is unavailable, or did not respond in time.
        """
        result: Future[T] = Future()
        self._jobs.put((read, result))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.wrap_future(result)
        except PASSING_FAULTS as error:
            raise StoreUnavailableError(error) from error

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as Prometheus families."""
        yield GaugeMetricFamily(
            "txplatform_queries_running",
            f"Database connections that run a query, of at most {_THREADS}; decisions have others.",
            value=len(self._running),
        )
        yield GaugeMetricFamily(
            "txplatform_queries_waiting",
            "Queries that wait for a database connection.",
            value=self._jobs.qsize(),
        )

    def _work(self) -> None:
        connection: psycopg.Connection | None = None
        while (job := self._jobs.get()) is not None:
            read, result = job
            if result.set_running_or_notify_cancel():  # the caller still waits
                self._running.add(threading.get_ident())
                connection = self._run(read, result, connection)
                self._running.discard(threading.get_ident())
        if connection is not None:
            connection.close()

    def _run(
        self,
        read: Callable[[psycopg.Connection], T],
        result: Future[T],
        connection: psycopg.Connection | None,
    ) -> psycopg.Connection | None:
        """Run one query. Return the connection for reuse; None if it can no longer be used."""
        try:
            if connection is None or not _is_alive(connection):
                connection = self._database.connect()
            result.set_result(read(connection))
        except Exception as error:  # noqa: BLE001  # raised where the result is awaited
            result.set_exception(error)
            if connection is not None and isinstance(error, psycopg.Error):
                # The server or session may be in a state that makes the next query fail too.
                connection.close()
                return None
        return connection


def _is_alive(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("")
    except psycopg.Error:
        connection.close()
        return False
    return True
