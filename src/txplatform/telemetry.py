"""Log lines and trace context: how a request is followed to the event it caused and beyond."""

from __future__ import annotations

import logging
import re
import sys

import structlog
from structlog.typing import FilteringBoundLogger

from txplatform.random_ids import random_id
from txplatform.settings import Settings

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def configure_logging(settings: Settings) -> None:
    """Write log lines to stderr, as JSON or for people, from the configured level on."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries that log by the standard library come out the same way.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def logger(name: str) -> FilteringBoundLogger:
    """A logger whose lines carry this component name."""
    bound: FilteringBoundLogger = structlog.get_logger(component=name)
    return bound


def new_traceparent() -> str:
    """The beginning of a trace (W3C Trace Context, section 3.2)."""
    return f"00-{random_id()}-{random_id()[:16]}-01"


def accept_traceparent(given: str | None) -> str:
    """The caller's trace where it is well formed, else a new one."""
    if given is not None and _TRACEPARENT.fullmatch(given):
        return given
    return new_traceparent()


def correlation_id(traceparent: str) -> str:
    """The trace id, under which log lines of one request can be found."""
    return traceparent.split("-")[1]
