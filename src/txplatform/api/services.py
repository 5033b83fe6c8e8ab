"""What the resources of one API process share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    import psycopg
    from prometheus_client import CollectorRegistry
    from psycopg_pool import ConnectionPool

    from txplatform.api.authentication import Authenticator
    from txplatform.decisions.decider import Decider
    from txplatform.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    """Made once when the process starts.

    Attributes:
        pool: Connections for everything that is not the hot path.
        stopping: Set when the process is told to stop, for answers that never end.
    """

    settings: Settings
    decider: Decider
    authenticator: Authenticator
    pool: ConnectionPool
    registry: CollectorRegistry
    stopping: asyncio.Event = field(repr=False)

    async def query(self, read: Callable[[psycopg.Connection], T]) -> T:
        """Read from the database without holding up the event loop.

        Raises:
            psycopg.OperationalError: The database cannot be used.
        """

        def run() -> T:
            with self.pool.connection(timeout=2) as connection:
                return read(connection)

        return await run_in_threadpool(run)


def services_of(request: Request) -> Services:
    """The services of the process that answers this request."""
    services: Services = request.app.state.services
    return services
