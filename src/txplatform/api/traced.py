"""Makes each request a span, and the parent of what it causes. Used only if tracing is on."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from txplatform.api.process_transaction import PATH
from txplatform.contracts.trace_context import sent_trace
from txplatform.tracing import Tracer


class TracedApi:
    """The ASGI application, traced. The span takes the place of the caller's trace context."""

    def __init__(self, api: ASGIApp, tracer: Tracer) -> None:
        self._api = api
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an HTTP request or a lifespan message."""
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        headers = scope["headers"]
        span = self._tracer.begin("HTTP", "SERVER", sent_trace(headers))
        traceparent, tracestate = self._tracer.trace_of(span)
        own = [(b"traceparent", traceparent.encode()), (b"tracestate", tracestate.encode())]
        others = [each for each in headers if each[0] not in (own[0][0], own[1][0])]
        traced = {**scope, "headers": [*others, *own]}

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                span.set_attribute("http.response.status_code", status)
                if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    span.set_attribute("error.type", str(status))
            await send(message)

        try:
            await self._api(traced, receive, send_noted)
        finally:
            if scope["path"] == PATH:
                span.update_name(f"{scope['method']} {PATH}")
            elif (route := traced.get("route")) is not None:
                span.update_name(f"{scope['method']} {route.path}")
            span.end()
