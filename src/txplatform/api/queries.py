"""Reads from the database beside the hot path: off the event loop, and never for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import psycopg
from anyio import to_thread

from txplatform.decisions.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg_pool import ConnectionPool

T = TypeVar("T")

TIMEOUT_S = 5.0
"""A server that is frozen neither answers nor closes the connection: only a clock helps."""

_WAIT_FOR_CONNECTION_S = 2.0


class Queries:
    """Runs short reads on a pool of connections.

    Args:
        pool: Bounds how many reads run at once, also of those that nobody waits for any more.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    async def run(self, read: Callable[[psycopg.Connection], T]) -> T:
        """What this read gives.

        Raises:
            StoreUnavailableError: The database cannot be used, or not in time.
        """

        def in_thread() -> T:
            with self._pool.connection(timeout=_WAIT_FOR_CONNECTION_S) as connection:
                return read(connection)

        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await to_thread.run_sync(in_thread, abandon_on_cancel=True)
        except (TimeoutError, psycopg.OperationalError) as error:
            raise StoreUnavailableError(error) from error
