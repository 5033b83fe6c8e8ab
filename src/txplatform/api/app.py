"""The ASGI application: the list of endpoints, and the routing of requests."""

import asyncio
from operator import attrgetter
from typing import Any

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from txplatform.api import (
    accounts,
    clearing_batches,
    controls,
    currencies,
    events,
    holds,
    inbound_messages,
    inbound_resolutions,
    metrics,
    postings,
    probes,
    process_transaction,
    reference_page,
    rulesets,
    settlement,
    shadowings,
    transactions,
)
from txplatform.api.exception_handlers import handle_errors_as_problems
from txplatform.api.openapi import Endpoint, describe
from txplatform.api.problems import problem_response, stopping_problem
from txplatform.api.services import Services
from txplatform.telemetry import correlation_id, header_traceparent

ENDPOINTS: tuple[Endpoint, ...] = (
    process_transaction,
    accounts,
    controls,
    transactions,
    postings,
    holds,
    settlement,
    clearing_batches,
    rulesets,
    shadowings,
    events,
    inbound_messages,
    inbound_resolutions,
    currencies,
    probes,
)
"""The endpoints of all resources. To add an endpoint, write its module and list it here."""


class Api:
    """The ASGI application. Purchases bypass FastAPI; all other requests go through it.

    Attributes:
        purchases: The ASGI application for purchases.
    """

    def __init__(
        self,
        app: FastAPI,
        purchases: process_transaction.ProcessTransaction,
        services: Services,
        document: dict[str, Any],
    ) -> None:
        self.app = app
        self.purchases = purchases
        self.services = services
        self.document = document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an HTTP request or a lifespan message."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            if scope["path"] == process_transaction.PATH:
                await self.purchases(scope, receive, send)
            else:
                await self._traced(scope, receive, send)
        except asyncio.CancelledError:
            if not self.services.stopping.is_set():
                raise
            # The server no longer waits for open requests, and would respond with 500.
            await _give_up(scope, send)

    async def _traced(self, scope: Scope, receive: Receive, send: Send) -> None:
        traceparent = _traceparent(scope)
        scope.setdefault("state", {})["traceparent"] = traceparent

        async def send_traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["state"]["started"] = True
                names = {name for name, _ in message["headers"]}
                if b"x-correlation-id" not in names:
                    header = (b"x-correlation-id", correlation_id(traceparent).encode())
                    message["headers"] = [*message["headers"], header]
            await send(message)

        await self.app(scope, receive, send_traced)


def _traceparent(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
    return header_traceparent(given)


async def _give_up(scope: Scope, send: Send) -> None:
    """Respond to a request that cannot be finished before the process stops."""
    if scope.get("state", {}).get("started", False):
        return
    status, headers, body = problem_response(
        stopping_problem(scope["method"]), correlation_id(_traceparent(scope))
    )
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def assemble_api(services: Services) -> Api:
    """Return the API for these services, which start and stop with the ASGI lifespan."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # `TracedApi` makes the span of a request, since purchases bypass FastAPI.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=lambda _: services.running(),
        generate_unique_id_function=attrgetter("name"),
    )
    app.state.services = services
    for endpoint in ENDPOINTS:
        app.include_router(endpoint.router)
    if services.settings.metrics_port is None:
        app.include_router(metrics.router)
    app.include_router(reference_page.router)
    document = describe(app, ENDPOINTS)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        return document

    handle_errors_as_problems(app)
    purchases = process_transaction.ProcessTransaction(
        services.decider,
        services.authenticator,
        services.queries,
        max_body_bytes=services.settings.api_max_body_bytes,
    )
    return Api(app, purchases, services, document)
