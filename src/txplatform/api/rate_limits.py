"""Limit how many requests an API key may send, and how many event streams may be open."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from txplatform.api.problems import MAX_RETRY_AFTER_S, retry_later
from txplatform.contracts.problems import ProblemType

_STREAM_RETRY_S = 5


class KeyRates:
    """The requests that each key may send now: a token bucket per key.

    Each process counts separately, so N processes allow N times the rate.
    """

    def __init__(
        self,
        per_second: float | None,
        burst: int | None = None,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = float(burst or max(1, math.ceil(per_second or 1)))
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """By key id: the requests that it may send, and when they were counted."""

    def take(self, key_id: str) -> float:
        """Count a request. Return 0 if the key may send it, otherwise the seconds to wait."""
        if self._per_second is None:
            return 0.0
        now = self._clock()
        left, at = self._buckets.get(key_id, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        if left < 1:
            self._buckets[key_id] = left, now
            return (1 - left) / self._per_second
        self._buckets[key_id] = left - 1, now
        return 0.0

    def require(self, key_id: str) -> None:
        """Count a request.

        Raises:
            ProblemError: The key has sent too many.
        """
        wait_s = self.take(key_id)
        if wait_s:
            problem = retry_later(
                ProblemType.RATE_LIMITED,
                f"The key {key_id} may send {self._per_second:g} requests a second.",
                "Retry after the time in Retry-After with the same ids; nothing was recorded.",
                min(math.ceil(wait_s), MAX_RETRY_AFTER_S),
            )
            problem.logged = {"key_id": key_id}
            raise problem


class StreamLimits(Collector):
    """Counts the open event streams."""

    def __init__(self, most: int, most_per_key: int) -> None:
        self._most = most
        self._most_per_key = most_per_key
        self._open: Counter[str] = Counter()

    @contextmanager
    def opened(self, key_id: str) -> Iterator[None]:
        """Count a stream until the context ends.

        Raises:
            ProblemError: Too many streams are open.
        """
        for count, most, whose in (
            (self._open[key_id], self._most_per_key, f"The key {key_id} has"),
            (self._open.total(), self._most, "This process has"),
        ):
            if count >= most:
                problem = retry_later(
                    ProblemType.TOO_MANY_STREAMS,
                    f"{whose} {count} open event streams, the most allowed.",
                    "Close one, or read `GET /v1/events` in pages.",
                    _STREAM_RETRY_S,
                )
                problem.headers["Connection"] = "close"  # connections that wait take memory
                raise problem
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            if not self._open[key_id]:
                del self._open[key_id]

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as Prometheus families."""
        yield GaugeMetricFamily(
            "txplatform_http_event_streams", "Open event streams.", value=self._open.total()
        )
