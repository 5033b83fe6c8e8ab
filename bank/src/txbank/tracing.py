"""Logging, and the trace context that links a request to the messages that it causes."""

import logging
import re
import secrets
import sys
from contextvars import ContextVar

import structlog
from structlog.typing import FilteringBoundLogger

from txbank.settings import CommonSettings

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def begin_trace(given: str | None) -> str:
    """Continue the caller's trace if its `traceparent` is well formed, otherwise begin a new one.

    Returns:
        The `traceparent` (W3C Trace Context) of the request or message that is handled from now on.
    """
    accepted = given if given and _TRACEPARENT.fullmatch(given) else _new_trace()
    _current.set(accepted)
    return accepted


def traceparent() -> str:
    """Return the `traceparent` of the current request or message, or a new one."""
    return _current.get() or _new_trace()


def _new_trace() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def correlation_id(traceparent: str) -> str:
    """Return the trace id, by which people find the log lines of a request."""
    return traceparent.split("-")[1]


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
