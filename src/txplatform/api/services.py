"""The services shared by the endpoints of one API process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from txplatform.api.authentication import Authenticator
from txplatform.api.log_tail import LogTail
from txplatform.api.queries import Queries
from txplatform.api.rate_limits import StreamLimits
from txplatform.api.readiness import Readiness
from txplatform.api.request_log import RequestLog
from txplatform.api.rules_in_force import follow_database
from txplatform.decisions.decider import Decider
from txplatform.process_setup import collect_seldom
from txplatform.settings import Settings


@dataclass(frozen=True)
class Services:
    """The services of one process, created by `bootstrap`.

    Attributes:
        queries: Runs database queries outside the hot path.
        streams: Counts the open event streams.
        log_tail: Reads the log for event streams.
        stopping: Set when the process stops, which ends event streams.
    """

    settings: Settings
    decider: Decider
    authenticator: Authenticator
    queries: Queries
    readiness: Readiness
    request_log: RequestLog
    registry: CollectorRegistry
    streams: StreamLimits
    log_tail: LogTail
    stopping: asyncio.Event

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the services, and poll the rule book and the clock, until the context exits."""
        self.queries.start()
        await self.decider.start()
        following = (
            asyncio.create_task(
                follow_database(self.decider.rules, self.decider.clock, self.queries)
            ),
            asyncio.create_task(self.readiness.follow()),
        )
        collect_seldom()
        yield
        self.stopping.set()
        for task in following:
            task.cancel()
        await self.decider.stop()
        self.queries.stop()


def services_of(request: Request) -> Services:
    """Return the services of the process that handles this request."""
    services: Services = request.app.state.services
    return services
