"""The rules for sending a call again, without any I/O.

Every call may be sent again, since the ids in its body or path make a repeat harmless. It is sent
again if the connection failed, if there was no response in time, and for the statuses in `RETRIED`,
until its deadline. The pauses grow with each attempt and are random, so that many callers do not
come back at once.
"""

import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

RETRIED = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""408, 429, 502, 503 and 504: the call was not carried out, or its outcome is unknown."""

_FIRST_PAUSE_S = 0.1
_MAX_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """The time that a caller waits.

    Attributes:
        timeout_s: The time for one attempt, up to the last byte of the response.
        deadline_s: The time for the call with all its attempts.
    """

    timeout_s: float
    deadline_s: float


class Attempts:
    """The attempts to carry out one call."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._deadline = time.monotonic() + patience.deadline_s
        self._backoff_s = _FIRST_PAUSE_S

    @property
    def timeout_s(self) -> float:
        """The time that the next attempt may wait."""
        left_s = max(0.001, self._deadline - time.monotonic())
        return min(self._patience.timeout_s, left_s)

    def pause_s(self, outcome: httpx.Response | httpx.TransportError) -> float | None:
        """Return the seconds until the next attempt; None if the outcome is final."""
        asked_s = 0.0
        if isinstance(outcome, httpx.Response):
            if outcome.status_code not in RETRIED:
                return None
            asked_s = _retry_after_s(outcome)
        pause_s = asked_s + random.uniform(0, self._backoff_s)  # noqa: S311  # no secret
        self._backoff_s = min(2 * self._backoff_s, _MAX_PAUSE_S)
        return None if time.monotonic() + pause_s >= self._deadline else pause_s


def _retry_after_s(response: httpx.Response) -> float:
    """Return the seconds in `Retry-After`, or until its date; 0 if it cannot be read (RFC 9110)."""
    value = response.headers.get("Retry-After", "0")
    try:
        if value.isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
