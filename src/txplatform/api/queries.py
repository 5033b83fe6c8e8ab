"""Reads from the database beside the hot path: off the event loop, and bounded in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

import psycopg

from txplatform.database import PASSING_FAULTS, Database
from txplatform.decisions.errors import StoreUnavailableError

T = TypeVar("T")

TIMEOUT_S = 5.0
"""A server that is frozen neither answers nor closes the connection: only a clock helps."""

_THREADS = 8


class Queries:
    """Run short reads in a few threads, which have a connection each.

    The threads are daemons, unlike those of the usual pools: a thread that waits for a frozen
    server cannot be ended, and must not keep the process from stopping.

    There is no pool of connections either: while the database is away, the usual one tries less and
    less often, and is minutes late when the database is back.
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
        """Return the result of this read.

        Raises:
            StoreUnavailableError: The database cannot be used, or not in time.
        """
        job = _Job(read)
        self._jobs.put(job)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                result: T = await job.result
                return result
        except (TimeoutError, *PASSING_FAULTS) as error:
            raise StoreUnavailableError(error) from error

    def _work(self) -> None:
        connection: psycopg.Connection | None = None
        while (job := self._jobs.get()) is not None:
            if not job.result.done():  # somebody still waits for it
                connection = self._run(job, connection)
        if connection is not None:
            connection.close()

    def _run(self, job: _Job, connection: psycopg.Connection | None) -> psycopg.Connection | None:
        """Do a job, and return the connection for the next one; None if that needs a new one."""
        try:
            if connection is None or not _is_alive(connection):
                connection = self._database.connect()
            job.settle(job.result.set_result, job.read(connection))
        except Exception as error:  # noqa: BLE001  # raised where the result is awaited
            job.settle(job.result.set_exception, error)
            if connection is not None and isinstance(error, psycopg.Error):
                # It may be to a server, or in a state, that can do no better next time.
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


class _Job:
    def __init__(self, read: Callable[[psycopg.Connection], Any]) -> None:
        self.read = read
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Any] = self._loop.create_future()

    def settle(self, setter: Callable[[Any], None], value: Any) -> None:
        """Set the result or the error in the event loop, unless nobody waits for it any more."""

        def settle() -> None:
            if not self.result.done():
                setter(value)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle)
