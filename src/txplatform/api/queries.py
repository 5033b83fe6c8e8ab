"""Reads from the database beside the hot path: off the event loop, and never for ever."""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from txplatform.decisions.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg_pool import ConnectionPool

T = TypeVar("T")

TIMEOUT_S = 5.0
"""A server that is frozen neither answers nor closes the connection: only a clock helps."""

_WAIT_FOR_CONNECTION_S = 2.0


class Queries:
    """Runs short reads, each in one of a few threads.

    The threads are daemons, unlike those of the usual pools: one that waits for a frozen server
    cannot be ended, and must not keep the process from stopping.

    Args:
        pool: Where connections come from.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def start(self) -> None:
        """Open the connections' pool and let the threads work."""
        self._pool.open()
        for _ in range(self._pool.max_size):
            threading.Thread(target=self._work, name="query", daemon=True).start()

    def stop(self) -> None:
        """Let the threads end, and close the pool."""
        for _ in range(self._pool.max_size):
            self._jobs.put(None)
        self._pool.close()

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
        except (TimeoutError, psycopg.OperationalError) as error:
            raise StoreUnavailableError(error) from error

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not job.answer.done():  # somebody still waits for it
                job.run(self._pool)


class _Job:
    def __init__(self, read: Callable[[psycopg.Connection], Any]) -> None:
        self._read = read
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = self._loop.create_future()

    def run(self, pool: ConnectionPool) -> None:
        try:
            with pool.connection(timeout=_WAIT_FOR_CONNECTION_S) as connection:
                result = self._read(connection)
        except Exception as error:  # noqa: BLE001  # whoever waits for the answer is told
            self._tell(self.answer.set_exception, error)
        else:
            self._tell(self.answer.set_result, result)

    def _tell(self, setter: Callable[[Any], None], value: Any) -> None:
        def tell() -> None:
            if not self.answer.done():
                setter(value)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell)
