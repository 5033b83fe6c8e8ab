"""Logging, and the trace context that links a request to its events and messages."""

import logging
import math
import re
import sys
from collections.abc import Callable
from time import monotonic

import structlog
from structlog.typing import FilteringBoundLogger
from typing_extensions import override

from txplatform.process_metrics import VERSION
from txplatform.random_ids import random_id
from txplatform.settings import Settings

REPEATED_EVERY_S = 60
"""The interval at which a lasting fault is logged again."""

_NUMBER = re.compile(r"\d+")


class RepeatsFilter(logging.Filter):
    """Leaves out a library's lines that repeat, except once a minute with their number.

    Numbers in the lines may differ. A Kafka client writes fifty lines a second while brokers are
    away.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._written: dict[tuple[str, str], tuple[float, int]] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the line; called with the handler's lock held."""
        if record.exc_info:
            return True
        now, line = self._clock(), (record.name, _NUMBER.sub("", record.getMessage()))
        written_at, left_out = self._written.get(line, (-math.inf, 0))
        if now - written_at < REPEATED_EVERY_S:
            self._written[line] = written_at, left_out + 1
            return False
        old = now - 2 * REPEATED_EVERY_S
        self._written = {each: seen for each, seen in self._written.items() if seen[0] > old}
        self._written[line] = now, 0
        if left_out:
            record.msg, record.args = f"{record.getMessage()} (repeated {left_out} times)", ()
        return True


def configure_logging(settings: Settings) -> None:
    """Configure logging to stderr with the format and the minimum level from the settings."""
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
    # Libraries that use the standard library's logging get the same format.
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RepeatsFilter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def logger(name: str) -> FilteringBoundLogger:
    """Return a logger that adds the component name `name` to every line."""
    bound: FilteringBoundLogger = structlog.get_logger(component=name)
    return bound


def log_start(command: str, settings: Settings) -> None:
    """Log the version, and the names of the settings that were given. Values may be secret."""
    logger("process").info(
        "starting", command=command, version=VERSION, settings=settings.given_names
    )


class FaultLog:
    """Logs a fault that lasts: when it begins, then every minute with a count, and when it ends."""

    def __init__(
        self,
        log: FilteringBoundLogger,
        clock: Callable[[], float] = monotonic,
        *,
        line: str = "cannot continue, will retry",
    ) -> None:
        self._log = log
        self._line = line
        self._clock = clock
        self._logged_at: dict[str, float] = {}
        """The time at which each error of the current fault was logged last."""
        self._times = 0
        self._began = 0.0

    def failed(self, error: Exception, *, unexpected: bool = False) -> None:
        """Count a failure, and log it if the same error was not logged within the last minute.

        Args:
            error: The cause.
            unexpected: Log the cause as an error with its traceback.
        """
        now, text = self._clock(), str(error).strip() or type(error).__name__
        if not self._logged_at:
            self._began, self._times = now, 0
        self._times += 1
        if now - self._logged_at.get(text, -math.inf) < REPEATED_EVERY_S:
            return
        self._logged_at[text] = now
        times = {"times": self._times} if self._times > 1 else {}
        if unexpected:
            self._log.error(self._line, exc_info=error, **times)
        else:
            self._log.warning(self._line, error=text, **times)

    def succeeded(self) -> None:
        """Log the end of the fault, if there was one."""
        if self._logged_at:
            lasted_s = round(self._clock() - self._began, 1)
            self._logged_at.clear()
            self._log.info("continues", failures=self._times, lasted_s=lasted_s)


def new_traceparent() -> str:
    """Return a `traceparent` that begins a new trace (W3C Trace Context, section 3.2)."""
    return f"00-{random_id()}-{random_id()[:16]}-01"


def correlation_id(traceparent: str) -> str:
    """Return the trace id, which is logged in every line about the request."""
    return traceparent.split("-")[1]
