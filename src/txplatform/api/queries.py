"""Reads from the database beside the hot path: off the event loop, and never for ever."""

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
    """Runs short reads, each in one of a few threads, which have a connection each.

    The threads are daemons, unlike those of the usual pools: one that waits for a frozen server
    cannot be ended, and must not keep the process from stopping.

    Nor is there a pool of connections: the usual one tries less and less often while the database
    is away, and is behind by minutes when it is back.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def start(self) -> None:
        """Let the threads work; each connects once it has something to do."""
        for _ in range(_THREADS):
            threading.Thread(target=self._work, name="query", daemon=True).start()

    def stop(self) -> None:
        """Let the threads end."""
        for _ in range(_THREADS):
            self._jobs.put(None)

    async def run(self, read: Callable[[psycopg.Connection], T]) -> T:
        """What this read gives.

        Raises:
            StoreUnavailableError: The database cannot be used, or not in time.
        """
        job = _Job(read)
        self._jobs.put(job)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer: T = await job.answer
                return answer
        except (TimeoutError, *PASSING_FAULTS) as error:
            raise StoreUnavailableError(error) from error

    def _work(self) -> None:
        connection: psycopg.Connection | None = None
        while (job := self._jobs.get()) is not None:
            if not job.answer.done():  # somebody still waits for it
                connection = self._run(job, connection)
        if connection is not None:
            connection.close()

    def _run(self, job: _Job, connection: psycopg.Connection | None) -> psycopg.Connection | None:
        """Do a job; gives the connection for the next one, None where that needs a new one."""
        try:
            if connection is None or not _answers(connection):
                connection = self._database.connect()
            job.tell_result(job.read(connection))
        except Exception as error:  # noqa: BLE001  # whoever waits for the answer is told
            job.tell_error(error)
            if connection is not None and isinstance(error, psycopg.Error):
                # It may be to a server, or in a state, that can do no better next time.
                connection.close()
                return None
        return connection


def _answers(connection: psycopg.Connection) -> bool:
    """Whether a connection that was idle still works; one that does not is closed."""
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
        self.answer: asyncio.Future[Any] = self._loop.create_future()

    def tell_result(self, result: Any) -> None:
        self._tell(self.answer.set_result, result)

    def tell_error(self, error: Exception) -> None:
        self._tell(self.answer.set_exception, error)

    def _tell(self, setter: Callable[[Any], None], value: Any) -> None:
        def tell() -> None:
            if not self.answer.done():
                setter(value)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell)
