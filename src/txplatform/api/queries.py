"""Reads from the database beside the hot path: off the event loop, and bounded in time."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

import psycopg

from txplatform.database import PASSING_FAULTS, Database
from txplatform.decisions.errors import StoreUnavailableError

T = TypeVar("T")

_Job = tuple[Callable[[psycopg.Connection], Any], Future[Any]]
"""A read, and where its result goes."""

TIMEOUT_S = 5.0
"""A frozen server neither answers nor closes the connection, so only a time-out ends the wait."""

_THREADS = 8


class Queries:
    """Run short reads in a few threads, each with its own connection.

    The threads are daemons, unlike those of `ThreadPoolExecutor`: a thread that waits for a frozen
    server cannot be ended, and must not keep the process from stopping. There is no psycopg_pool:
    while the database is away it retries less and less often, and is minutes late afterwards.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def start(self) -> None:
        """Start the threads; each connects when it has something to do."""
        for _ in range(_THREADS):
            threading.Thread(target=self._work, name="query", daemon=True).start()

    def stop(self) -> None:
        """End the threads."""
        for _ in range(_THREADS):
            self._jobs.put(None)

    async def run(self, read: Callable[[psycopg.Connection], T]) -> T:
        """Run a read in a thread, and return its result.

        Raises:
            StoreUnavailableError: The database cannot be used, or did not answer in time.
        """
        result: Future[T] = Future()
        self._jobs.put((read, result))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.wrap_future(result)
        except (TimeoutError, *PASSING_FAULTS) as error:
            raise StoreUnavailableError(error) from error

    def _work(self) -> None:
        connection: psycopg.Connection | None = None
        while (job := self._jobs.get()) is not None:
            read, result = job
            if result.set_running_or_notify_cancel():  # the caller still waits
                connection = self._run(read, result, connection)
        if connection is not None:
            connection.close()

    def _run(
        self,
        read: Callable[[psycopg.Connection], T],
        result: Future[T],
        connection: psycopg.Connection | None,
    ) -> psycopg.Connection | None:
        """Do one read. Return the connection for the next; None if that needs a new one."""
        try:
            if connection is None or not _is_alive(connection):
                connection = self._database.connect()
            result.set_result(read(connection))
        except Exception as error:  # noqa: BLE001  # raised where the result is awaited
            result.set_exception(error)
            if connection is not None and isinstance(error, psycopg.Error):
                # Its server or session may be in a state in which the next read fails too.
                connection.close()
                return None
        return connection


def _is_alive(connection: psycopg.Connection) -> bool:
    """Return whether an idle connection still works; close it if not."""
    try:
        connection.execute("")
    except psycopg.Error:
        connection.close()
        return False
    return True
