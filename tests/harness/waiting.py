"""Polling for a condition. Nothing else in the tests sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_POLL_S = 0.02


def wait_until(
    predicate: Callable[[], T], *, timeout_s: float = 60, message: str = "the condition to hold"
) -> T:
    """Poll until the predicate returns a true value, and return that value.

    Raises:
        AssertionError: The predicate was not true within the time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        if value := predicate():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s for {message}; last seen: {value!r}")
        time.sleep(_POLL_S)
