"""The services that the resources of one API process share."""

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
    """The services of one process, made once when it starts.

    Attributes:
        queries: Reads of everything that is not the hot path.
        stopping: Set when the process has to stop, for responses that never end.
    """

    settings: Settings
    decider: Decider
    authenticator: Authenticator
    queries: Queries
    readiness: Readiness
    registry: CollectorRegistry
    stopping: asyncio.Event = field(repr=False)


def services_of(request: Request) -> Services:
    """Return the services of the process that handles this request."""
    services: Services = request.app.state.services
    return services
