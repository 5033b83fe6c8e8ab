"""The metrics of the lanes: plain numbers, converted to Prometheus families when collected.

Prometheus counters and histograms would cost ten times as much per decision.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from txplatform.decisions.request import CommandRequest, LaneRequest
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.rulebook.in_force import RulesInForce

_BOUNDS_S = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 5, 10)


class DecisionMetrics(Collector):
    """The metrics of one process.

    Attributes:
        batches_failed: Batches that failed and had to be attempted again.
        refused: Requests refused because too many were waiting.
        queued: A function that returns the number of waiting requests.
        cached: A function that returns the number of cached accounts.
    """

    def __init__(self, rules: RulesInForce) -> None:
        self._rules = rules
        self.refused = 0
        self.batches_failed = 0
        self.queued: Callable[[], int] = lambda: 0
        self.cached: Callable[[], int] = lambda: 0
        self._decisions: dict[tuple[str, str], int] = {}
        self._batches = 0
        self._requests = 0
        self._conflicts = 0
        self._busy_s = 0.0
        self._latency_counts = [0] * (len(_BOUNDS_S) + 1)
        self._latency_sum_s = 0.0

    def count_batch(
        self, requests: int, conflicts: int, busy_s: float, settled: Iterable[LaneRequest[Any]]
    ) -> None:
        """Count a committed batch and the decisions on its `settled` (completed) requests."""
        self._batches += 1
        self._requests += requests
        self._conflicts += conflicts
        self._busy_s += busy_s
        now = perf_counter()
        for request in settled:
            if not isinstance(request, CommandRequest):
                continue
            outcome = request.pending.result
            if not isinstance(outcome, Outcome):
                continue
            event = outcome.event
            if isinstance(event, AuthorizationApproved):
                kind = ("approved", "")
            elif isinstance(event, AuthorizationDeclined):
                kind = ("declined", event.reasons[0].code)
            else:
                continue
            latency_s = now - request.submitted
            self._latency_counts[bisect_left(_BOUNDS_S, latency_s)] += 1
            self._latency_sum_s += latency_s
            if outcome.status is not OutcomeStatus.DUPLICATE:
                self._decisions[kind] = self._decisions.get(kind, 0) + 1

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as Prometheus families."""
        decisions = CounterMetricFamily(
            "txplatform_decisions",
            "Purchases decided, by decision and first reason.",
            labels=["decision", "reason"],
        )
        for (decision, reason), count in self._decisions.items():
            decisions.add_metric([decision, reason], count)
        yield decisions
        latency = HistogramMetricFamily(
            "txplatform_decision_seconds", "Time from queueing a purchase to its durable decision."
        )
        total, buckets = 0, []
        for bound, count in zip((*_BOUNDS_S, "+Inf"), self._latency_counts, strict=True):
            total += count
            buckets.append((str(bound), float(total)))
        latency.add_metric([], buckets, self._latency_sum_s)
        yield latency
        for name, help_text, value in (
            ("batches", "Batches committed.", self._batches),
            ("batch_requests", "Requests in those batches.", self._requests),
            ("batch_conflicts", "Accounts with a conflict, decided again.", self._conflicts),
            ("batch_failures", "Batches that failed and had to be retried.", self.batches_failed),
            ("batch_busy_seconds", "Time spent in batches.", self._busy_s),
            ("refused_requests", "Requests refused because too many waited.", self.refused),
        ):
            yield CounterMetricFamily(f"txplatform_{name}", help_text, value=value)
        yield GaugeMetricFamily(
            "txplatform_queued_requests", "Requests waiting for a lane.", value=self.queued()
        )
        yield GaugeMetricFamily(
            "txplatform_cached_accounts", "Accounts in memory.", value=self.cached()
        )
        in_force = GaugeMetricFamily(
            "txplatform_ruleset_in_force",
            "1 for the rule set in force; 0 if this version does not understand it.",
            labels=["ruleset"],
        )
        if self._rules.active_id is not None:
            decides = self._rules.not_understood is None
            in_force.add_metric([self._rules.active_id], float(decides))
        yield in_force
