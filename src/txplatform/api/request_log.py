"""The log and the metrics of one process's HTTP requests.

A log line names the route by its template. It never has the path, query, headers or body, which
may hold secrets or personal data.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from itertools import accumulate
from logging import DEBUG
from operator import add
from time import perf_counter

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from txplatform.telemetry import correlation_id, logger

NO_ROUTE = "-"
"""The route of a request that matches none, and the method of one that cannot be parsed."""

MAX_LINES_PER_S = 100
"""The most lines about refused requests in a second, and about failed ones; others are counted."""

CLIENT_LEFT = 499
"""The status of a request whose client left before the response, as nginx logs it."""

QUIET_ROUTES = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})
"""Logged at debug only, since they are frequent. `Readiness` logs why a process is not ready."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
"""Callers can invent methods, so all others count as `NO_ROUTE`."""

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TOTALS = len(_BOUNDS_S) + 2


class RequestLog(Collector):
    """Logs refused, failed and slow requests, and counts all.

    The metrics are plain numbers: Prometheus counters and histograms would cost ten times as much
    per request.

    Attributes:
        in_flight: The number of requests being handled. Callers count up and down.
        connections: The number of open connections. Callers count up and down.
    """

    def __init__(self, slow_ms: int, *, clock: Callable[[], float] = perf_counter) -> None:
        self.in_flight = 0
        self.connections = 0
        self._problems: Counter[str] = Counter()
        self._clock = clock
        self._second = 0
        self._in_second: Counter[str] = Counter()
        """The requests of this second that were refused, and those that failed."""
        self._slow_s = slow_ms / 1000
        self._log = logger("http")
        self._logs_all = self._log.is_enabled_for(DEBUG)
        self._key_refusals: Counter[str] = Counter()
        """Requests that were refused for their key, by reason."""
        self._totals: dict[tuple[str, str, int], list[float]] = {}
        """By method, route and status: the number of requests in each bucket, then the seconds."""

    def responded(  # noqa: PLR0913  # all that is known of a request
        self,
        method: str,
        route: str,
        status: int,
        began: float,
        traceparent: str,
        key_id: str | None,
        problem: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Count a request, and log it if it was refused, failed or slow.

        Call this when the response begins. The duration ends then, so a long event stream does not
        count as slow.

        Args:
            method: The HTTP method.
            route: The template of the route.
            status: The HTTP status.
            began: The `perf_counter` when the head of the request was complete.
            traceparent: The trace of the request.
            key_id: The id of the caller's API key, if known.
            problem: The name of the problem type, if the response is a problem.
            reason: Why the caller's key was refused, if it was.
        """
        seconds = perf_counter() - began
        key = (method, route, status)
        totals = self._totals.get(key)
        if totals is None:
            key = (method if method in _METHODS else NO_ROUTE, route, status)
            totals = self._totals.setdefault(key, [0] * _TOTALS)
        totals[bisect_left(_BOUNDS_S, seconds)] += 1
        totals[-1] += seconds
        if reason is not None:
            self._key_refusals[reason] += 1
        if problem is not None:
            self._problems[problem] += 1
        if status >= HTTPStatus.BAD_REQUEST or seconds >= self._slow_s or self._logs_all:
            optional = {"problem": problem, "reason": reason, "key_id": key_id}
            self._write(key, seconds, traceparent, optional)

    def _write(
        self,
        key: tuple[str, str, int],
        seconds: float,
        traceparent: str,
        optional: Mapping[str, str | None],
    ) -> None:
        method, route, status = key
        if route in QUIET_ROUTES:
            write, what = self._log.debug, "request served"
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            if self._are_many("failed"):
                return
            write, what = self._log.error, "request failed"
        elif status >= HTTPStatus.BAD_REQUEST:
            if self._are_many("refused"):
                return
            write, what = self._log.warning, "request refused"
        elif seconds >= self._slow_s:
            write, what = self._log.warning, "request was slow"
        else:
            write, what = self._log.debug, "request served"
        write(
            what,
            correlation_id=correlation_id(traceparent),
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 1),
            **{name: value for name, value in optional.items() if value is not None},
        )

    def _are_many(self, kind: str) -> bool:
        """Count a refused or failed request; return whether its second has enough lines.

        A stranger must not fill the disk with lines. Refusals do not use up the lines of failures,
        which callers are asked to look up by their ids.
        """
        second = int(self._clock())
        if second != self._second:
            for each, requests in self._in_second.items():
                if requests > MAX_LINES_PER_S:
                    left_out = requests - MAX_LINES_PER_S
                    self._log.warning(f"more requests {each}", requests=left_out)
            self._second = second
            self._in_second.clear()
        self._in_second[kind] += 1
        return self._in_second[kind] > MAX_LINES_PER_S

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as Prometheus families."""
        requests = CounterMetricFamily(
            "txplatform_http_requests",
            "HTTP requests, by route and status.",
            labels=["method", "route", "status"],
        )
        durations = HistogramMetricFamily(
            "txplatform_http_request_duration_seconds",
            "Time from the head of a request to the head of its response.",
            labels=["method", "route"],
        )
        by_route: dict[tuple[str, str], list[float]] = {}
        for (method, route, status), totals in list(self._totals.items()):
            requests.add_metric([method, route, str(status)], sum(totals[:-1]))
            before = by_route.get((method, route), [0] * _TOTALS)
            by_route[method, route] = [*map(add, before, totals)]
        for labels, (*counts, seconds) in by_route.items():
            buckets = zip(map(str, (*_BOUNDS_S, "+Inf")), accumulate(counts), strict=True)
            durations.add_metric(labels, [*buckets], seconds)
        refusals = CounterMetricFamily(
            "txplatform_http_refused_keys",
            "HTTP requests without a valid API key, by the reason.",
            labels=["reason"],
        )
        for reason, times in list(self._key_refusals.items()):
            refusals.add_metric([reason], times)
        problems = CounterMetricFamily(
            "txplatform_http_problems", "Problems in responses, by type.", labels=["problem"]
        )
        for problem, count in list(self._problems.items()):
            problems.add_metric([problem], count)
        yield requests
        yield durations
        yield refusals
        yield problems
        yield GaugeMetricFamily(
            "txplatform_http_connections", "Open connections.", value=self.connections
        )
        yield GaugeMetricFamily(
            "txplatform_http_requests_in_flight",
            "HTTP requests being handled, open event streams included.",
            value=self.in_flight,
        )
