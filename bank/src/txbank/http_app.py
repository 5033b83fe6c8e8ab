"""The HTTP application of a service: routes, problems, probes, metrics and the OpenAPI document."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from time import perf_counter
from typing import Any

from fastapi import APIRouter, FastAPI
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from txbank.errors import TxBankError
from txbank.part import Health
from txbank.problems import (
    MAX_BODY_BYTES,
    MEDIA_TYPE,
    ProblemDetails,
    ProblemType,
    respond_with_problems,
)
from txbank.tracing import correlation_id, logger, traced, traceparent

_PROBLEM = {"model": ProblemDetails, "description": "A problem (RFC 9457)."}


def create_app(
    name: str,
    routers: Sequence[APIRouter],
    problems: Mapping[type[TxBankError], ProblemType],
    registry: CollectorRegistry,
    health: Callable[[], tuple[bool, Mapping[str, Health]]],
) -> FastAPI:
    """Return the application of one service.

    Args:
        name: The service's name.
        routers: The service's endpoints.
        problems: The problem type of each error of the service's domain.
        registry: The metrics to serve.
        health: Returns whether requests can be served, and the health of each component.
    """
    app = FastAPI(
        title=f"txbank {name}",
        version=version("txbank"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        # `Edge` makes the span of a request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        responses={"4XX": _PROBLEM, 422: _PROBLEM, "5XX": _PROBLEM},
        generate_unique_id_function=lambda route: route.name,
    )
    for router in routers:
        app.include_router(router)
    app.include_router(_operations(registry, health))
    respond_with_problems(app, problems)
    document = app.openapi()
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for status, response in operation["responses"].items():
            if status[0] in "45" and "content" in response:
                response["content"] = {MEDIA_TYPE: response["content"].pop("application/json")}
    return app


def _operations(
    registry: CollectorRegistry, health: Callable[[], tuple[bool, Mapping[str, Health]]]
) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/startupz")
    def startupz() -> dict[str, str]:
        return {"status": "started"}  # an outage is no failed start

    @router.get("/readyz")
    def readyz() -> JSONResponse:
        ready, parts = health()
        body = {
            "status": "ready" if ready else "not ready",
            "parts": {name: vars(each) for name, each in parts.items()},
        }
        return JSONResponse(body, 200 if ready else 503)

    @router.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


_QUIET_ROUTES = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})
"""Logged at debug only, since they are frequent."""


class Edge:
    """Wraps an application: traces, measures and logs each request, and refuses large bodies.

    A log line has the template of the route, and nothing that the caller sent.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, slow_ms: int) -> None:
        self._app = app
        self._slow_s = slow_ms / 1000
        self._log = logger("http")
        self._seconds = Histogram(
            "txbank_request_seconds",
            "Time to respond, by route.",
            ["method", "route", "status"],
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an HTTP request or a lifespan message."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("traceparent")
        with traced("HTTP", SpanKind.SERVER, given) as span:
            method, route, status = await self._respond(scope, receive, send)
            span.update_name(f"{method} {route}".strip() or "HTTP")
            span.set_attribute("http.response.status_code", status)
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                span.set_status(StatusCode.ERROR)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> tuple[str, str, int]:
        """Handle an HTTP request; return its method and route (if there is one) and the status."""
        trace_id = correlation_id(traceparent())
        began, status, size = perf_counter(), 500, 0

        async def send_traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Correlation-Id"] = trace_id
            await send(message)

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY_BYTES:
                raise HTTPException(413)
            return message

        try:
            await self._app(scope, receive_limited, send_traced)
        finally:
            route: Any = scope.get("route")
            # Callers can invent paths and methods, so only those of routes are labels.
            method, path = (scope["method"], route.path) if route else ("", "")
            seconds = perf_counter() - began
            self._seconds.labels(method, path, str(status)).observe(seconds)
            self._write(method, path, status, seconds, trace_id)
        return method, path, status

    def _write(self, method: str, route: str, status: int, seconds: float, trace_id: str) -> None:
        if route in _QUIET_ROUTES:
            write, what = self._log.debug, "request served"
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            write, what = self._log.error, "request failed"
        elif status >= HTTPStatus.BAD_REQUEST:
            write, what = self._log.warning, "request refused"
        elif seconds >= self._slow_s:
            write, what = self._log.warning, "request was slow"
        else:
            write, what = self._log.debug, "request served"
        write(
            what,
            correlation_id=trace_id,
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 1),
        )
