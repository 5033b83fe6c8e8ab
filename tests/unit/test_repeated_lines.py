"""A library's line that repeats is written once a minute, with the number of repeats."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from txplatform.telemetry import REPEATED_EVERY_S, RepeatsFilter


@pytest.fixture
def clock() -> SimpleNamespace:
    """The clock, in seconds."""
    return SimpleNamespace(now=1000.0)


@pytest.fixture
def repeats(clock: SimpleNamespace) -> RepeatsFilter:
    """A filter of lines with this clock."""
    return RepeatsFilter(lambda: float(clock.now))


def line(message: str, *values: int, error: bool = False) -> logging.LogRecord:
    """Return a line of the Kafka client."""
    cause = (ValueError, ValueError(), None) if error else None
    return logging.LogRecord("librdkafka", logging.ERROR, "", 0, message, values, cause)


def test_a_line_that_repeats_is_counted_though_its_numbers_differ(
    repeats: RepeatsFilter, clock: SimpleNamespace
) -> None:
    assert repeats.filter(line("FAIL [rdkafka#producer-%d]", 1))
    assert not repeats.filter(line("FAIL [rdkafka#producer-%d]", 2))
    assert not repeats.filter(line("FAIL [rdkafka#producer-%d]", 3))
    clock.now += REPEATED_EVERY_S
    last = line("FAIL [rdkafka#producer-%d]", 4)
    assert repeats.filter(last)
    assert last.getMessage() == "FAIL [rdkafka#producer-4] (repeated 2 times)"
    assert not repeats.filter(line("FAIL [rdkafka#producer-%d]", 5))


def test_other_lines_and_tracebacks_are_written(repeats: RepeatsFilter) -> None:
    assert repeats.filter(line("FAIL [rdkafka#producer-%d]", 1))
    assert repeats.filter(line("FAIL [rdkafka#consumer-%d]", 1))
    assert repeats.filter(line("failed", error=True))
    assert repeats.filter(line("failed", error=True))
