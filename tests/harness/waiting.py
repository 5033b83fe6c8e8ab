"""Polling for a condition. Nothing else in the tests sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_POLL_S = 0.02


class WaitError(AssertionError):
    """The condition did not hold within the time."""


def wait_until(
    predicate: Callable[[], T], *, timeout_s: float = 60, message: str = "the condition to hold"
) -> T:
    """Poll until the predicate returns a true value, and return that value.

    Raises:
        WaitError: The predicate was not true within the time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        if value := predicate():
            return value
        if time.monotonic() > deadline:
            raise WaitError(f"waited {timeout_s} s for {message}; last seen: {value!r}")
        time.sleep(_POLL_S)


def wait_until_empty(left: Callable[[], object], *, timeout_s: float = 60, message: str) -> None:
    """Poll until nothing is left, such as reasons why processes are not ready.

    Raises:
        WaitError: Something was left at the end of the time; the error names it.
    """
    last: object = None

    def empty() -> bool:
        nonlocal last
        last = left()
        return not last

    try:
        wait_until(empty, timeout_s=timeout_s, message=message)
    except WaitError:
        raise WaitError(f"waited {timeout_s} s for {message}; left: {last}") from None
