"""The spans that a receiver got by OTLP over HTTP."""

from __future__ import annotations

from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.receiver import Receiver


class SentSpan(NamedTuple):
    """A span, and the service that sent it. A root has an empty parent."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str


def received_spans(receiver: Receiver) -> list[SentSpan]:
    """Return all spans that were received."""
    return [
        SentSpan(
            next(
                each.value.string_value
                for each in resource.resource.attributes
                if each.key == "service.name"
            ),
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
        )
        for request in list(receiver.requests)
        if request.path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
