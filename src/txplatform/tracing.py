"""Tracing with OpenTelemetry: off, unless the standard `OTEL_*` variables turn it on.

A request and an inbound message are spans, which the events that they cause name as their parent
(`traceparent`). So the platform's spans connect those of its callers and of the consumers of its
topics. OpenTelemetry is loaded only if tracing is on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_LAST_S = 1
"""The time for the last spans when the process stops."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def start_tracing(service: str) -> Callable[[], None]:
    """Export the spans of this process by OTLP over HTTP, if tracing is on.

    Args:
        service: The name of the service, unless `OTEL_SERVICE_NAME` gives another.

    Returns:
        A function that exports the last spans before the process ends.
    """
    if not _is_on():
        return lambda: None
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    name = os.environ.get("OTEL_SERVICE_NAME", service)
    provider = TracerProvider(
        resource=Resource.create({"service.name": name}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)

    def export_last() -> None:
        # The SDK would wait for half a minute if the collector does not respond.
        last = threading.Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(_LAST_S)

    return export_last


def process_tracer() -> Tracer | None:
    """Return the tracer of this process; None if tracing is off."""
    return Tracer() if _is_on() else None


def _is_on() -> bool:
    exporter = os.environ.get("OTEL_TRACES_EXPORTER")
    wanted = exporter == "otlp" or (exporter is None and any(map(os.environ.get, _ENDPOINTS)))
    return wanted and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


class Tracer:
    """Begins the spans of this process."""

    def __init__(self) -> None:
        from opentelemetry import context, trace  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )

        self._trace = trace
        self._nothing = context.Context()
        self._tracer = trace.get_tracer("txplatform")
        self._w3c = TraceContextTextMapPropagator()

    def begin(
        self,
        name: str,
        kind: Literal["SERVER", "CONSUMER", "PRODUCER"],
        parent: tuple[str | None, str | None],
        *,
        began_ns: int | None = None,
    ) -> Span:
        """Begin a span, which the caller ends.

        Args:
            name: The name of the span.
            kind: Whether a request is served, or a message is consumed or published.
            parent: The `traceparent` and `tracestate` of the cause; a new trace begins if the
                first is None or malformed.
            began_ns: When the span began, nanoseconds since 1970; None for now.
        """
        traceparent, tracestate = (each or "" for each in parent)
        context = self._w3c.extract(
            {"traceparent": traceparent, "tracestate": tracestate}, self._nothing
        )
        return self._tracer.start_span(
            name, context, self._trace.SpanKind[kind], start_time=began_ns
        )

    def trace_of(self, span: Span) -> tuple[str, str]:
        """Return `traceparent` and `tracestate` that make a span the parent of what it causes."""
        carrier: dict[str, str] = {}
        self._w3c.inject(carrier, self._trace.set_span_in_context(span, self._nothing))
        return carrier["traceparent"], carrier.get("tracestate", "")
