"""Tracing with OpenTelemetry: off, unless the standard `OTEL_*` variables turn it on."""

import os
import threading
from collections.abc import Callable

from opentelemetry import trace

_LAST_S = 1
"""The time for exporting the last spans when the process stops."""


def start_tracing(service: str) -> Callable[[], None]:
    """Export spans by OTLP over HTTP if the `OTEL_*` variables ask for it.

    Args:
        service: The name of the service in the spans, unless `OTEL_SERVICE_NAME` gives another.

    Returns:
        A function that exports the last spans before the process ends.
    """
    exporter = os.environ.get("OTEL_TRACES_EXPORTER")
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    wanted = exporter == "otlp" or (exporter is None and any(map(os.environ.get, endpoints)))
    if not wanted or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return lambda: None
    # The SDK is loaded only if tracing is on.
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
