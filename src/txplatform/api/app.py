"""The ASGI application: the list of endpoints, and the routing of requests."""

import asyncio
from operator import attrgetter
from time import perf_counter
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
    rulesets,
    settlement,
    shadowings,
    transactions,
)
from txplatform.api.documents import documents_router
from txplatform.api.exception_handlers import handle_errors_as_problems, send_problem
from txplatform.api.head_requests import HeadRequests
from txplatform.api.key_check import KeyCheck
from txplatform.api.openapi import Endpoint, describe
from txplatform.api.problems import NO_STORE, stopping_problem
from txplatform.api.request_log import CLIENT_LEFT, NO_ROUTE, RequestLog
from txplatform.api.services import Services
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.trace_context import trace_of_request
from txplatform.telemetry import correlation_id

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
        self.app = HeadRequests(KeyCheck(app, services.authenticator))
        self.purchases = purchases
        self.services = services
        self.document = document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an HTTP request or a lifespan message."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, self.services.request_log)

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.begin_response(message)
            await send(message)

        self.services.request_log.in_flight += 1
        try:
            app = self.purchases if scope["path"] == process_transaction.PATH else self.app
            await app(scope, receive, send_noted)
        except asyncio.CancelledError:
            if not self.services.stopping.is_set():
                raise
            if not exchange.responded:
                # The server no longer waits for open requests, and would respond with 500.
                await send_problem(stopping_problem(scope["method"]), scope, send_noted)
        except Exception:
            if not exchange.responded:
                exchange.log(500)  # which the server then sends
            raise
        finally:
            self.services.request_log.in_flight -= 1
        if not exchange.responded:
            exchange.log(CLIENT_LEFT)


class _Exchange:
    """A request with its trace, which is logged when its response begins."""

    def __init__(self, scope: Scope, request_log: RequestLog) -> None:
        self._traceparent, tracestate = trace_of_request(scope["headers"])
        self._state = scope.setdefault("state", {})
        self._state.update(traceparent=self._traceparent, tracestate=tracestate)
        self._scope = scope
        self._request_log = request_log
        self._began = perf_counter()
        self.responded = False

    def begin_response(self, message: Message) -> None:
        self.log(message["status"])
        given = {name for name, _ in message["headers"]}
        headers = [*message["headers"]]
        if b"x-correlation-id" not in given:
            headers.append((b"x-correlation-id", correlation_id(self._traceparent).encode()))
        if b"cache-control" not in given and self._scope["path"].startswith("/v1/"):
            headers.append(NO_STORE)
        message["headers"] = headers

    def log(self, status: int) -> None:
        self.responded = True
        refused: ProblemType | None = self._state.get("refused")  # by the HTTP protocol
        if refused is not None:
            status, self._state["problem"] = refused.status, refused.code
        path = process_transaction.PATH
        route = path if self._scope["path"] == path else _template(self._scope)
        self._request_log.responded(
            self._scope["method"],
            route,
            status,
            self._began,
            self._traceparent,
            self._state.get("key_id"),
            self._state.get("problem"),
            self._state.get("reason"),
        )


def _template(scope: Scope) -> str:
    route = scope.get("route")
    return NO_ROUTE if route is None else str(route.path)


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
    if services.settings.metrics_port is None and services.settings.api_metrics == "on":
        app.include_router(metrics.router)
    document = describe(app, ENDPOINTS)
    if services.settings.api_docs == "on":
        app.include_router(documents_router(document))
    handle_errors_as_problems(app)
    purchases = process_transaction.ProcessTransaction(
        services.decider,
        services.authenticator,
        services.queries,
        max_body_bytes=services.settings.api_max_body_bytes,
    )
    return Api(app, purchases, services, document)
