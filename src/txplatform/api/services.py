"""What the resources of one API process share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from txplatform.api.authentication import Authenticator
from txplatform.api.queries import Queries
from txplatform.api.readiness import Readiness
from txplatform.decisions.decider import Decider
from txplatform.settings import Settings


@dataclass(frozen=True)
class Services:
    """Made once when the process starts.

    Attributes:
        queries: Reads of everything that is not the hot path.
        stopping: Set when the process is told to stop, for answers that never end.
    """

    settings: Settings
    decider: Decider
    authenticator: Authenticator
    queries: Queries
    readiness: Readiness
    registry: CollectorRegistry
    stopping: asyncio.Event = field(repr=False)


def services_of(request: Request) -> Services:
    """The services of the process that answers this request."""
    services: Services = request.app.state.services
    return services
