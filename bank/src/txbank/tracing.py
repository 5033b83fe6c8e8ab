"""Logging, and the trace context that links a request to the messages that it causes.

Each request and message that is handled is a span if tracing is on (`otlp.py`). If it is off, the
trace context of the caller is passed on unchanged.
"""

import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import ProxyTracerProvider, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import FilteringBoundLogger

from txbank.settings import CommonSettings

_W3C = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("txbank")


@contextmanager
def traced(name: str, kind: SpanKind, given: str | None) -> Iterator[Span]:
    """Run the block in a span of the cause's trace, or of a new trace.

    Args:
        name: The name of the span.
        kind: The kind of work: serving a request, or consuming or sending a message.
        given: The `traceparent` (W3C Trace Context) of the cause, as received; None if it has none.
    """
    span = _tracer.start_span(name, _context(given), kind)
    if not span.get_span_context().is_valid:
        span = trace.get_current_span(_context(_new_trace()))
    with trace.use_span(span, end_on_exit=True):
        yield span


def note_span(name: str, kind: SpanKind, given: str, began_ns: int) -> None:
    """Record a span that began at `began_ns` (since 1970) and ends now, if tracing is on."""
    if not isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        _tracer.start_span(name, _context(given), kind, start_time=began_ns).end()


def traceparent() -> str:
    """Return the `traceparent` of the current request or message, or a new one."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent") or _new_trace()


def correlation_id(traceparent: str) -> str:
    """Return the trace id, by which people find the log lines of a request."""
    return traceparent.split("-")[1]


def _context(traceparent: str | None) -> Context:
    return _W3C.extract({"traceparent": traceparent or ""}, Context())


def _new_trace() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def configure_logging(settings: CommonSettings) -> None:
    """Log to stderr in the format and from the level of the settings."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def logger(component: str) -> FilteringBoundLogger:
    """Return a logger that adds the name of a component to each line."""
    bound: FilteringBoundLogger = structlog.get_logger(component=component)
    return bound
