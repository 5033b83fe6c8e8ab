"""Which requests are logged, and what is counted."""

from __future__ import annotations

from collections import Counter
from time import perf_counter

import pytest
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from structlog.testing import capture_logs

from txplatform.api.request_log import MAX_LINES_PER_S, RequestLog

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def _defaults() -> None:
    structlog.reset_defaults()


def logged(status: int, seconds: float, route: str = "/v1/x") -> list[tuple[str, str]]:
    """Return what a request of this duration logs: the text and the level of each line."""
    with capture_logs() as lines:
        RequestLog(slow_ms=500).responded(
            "GET", route, status, perf_counter() - seconds, TRACE, None
        )
    return [(line["event"], line["log_level"]) for line in lines]


@pytest.mark.parametrize(
    ("status", "seconds", "expected"),
    [
        (200, 0.6, ("request was slow", "warning")),
        (304, 0.1, ("request served", "debug")),
        (404, 0.1, ("request refused", "warning")),
        (404, 0.6, ("request refused", "warning")),
        (499, 0.1, ("request refused", "warning")),
        (500, 0.1, ("request failed", "error")),
        (503, 0.6, ("request failed", "error")),
    ],
)
def test_a_line_says_if_a_request_was_refused_or_failed_or_slow(
    status: int, seconds: float, expected: tuple[str, str]
) -> None:
    assert logged(status, seconds) == [expected]


def test_a_probe_is_logged_at_debug_only() -> None:
    assert logged(503, 0.6, "/readyz") == [("request served", "debug")]


def test_durations_are_added_up_over_statuses_and_methods_are_bounded() -> None:
    log = RequestLog(slow_ms=500)
    began = perf_counter()
    for method, status, seconds in (
        ("GET", 200, 0.003),
        ("GET", 200, 0.7),
        ("GET", 503, 20.0),
        ("BREW", 405, 0.003),
        ("WHEN", 405, 0.003),
    ):
        log.responded(method, "/v1/x", status, began - seconds, TRACE, None)
    registry = CollectorRegistry()
    registry.register(log)
    text = generate_latest(registry).decode()

    def value(series: str) -> float:
        (line,) = (line for line in text.splitlines() if line.startswith(series + " "))
        return float(line.split()[-1])

    def bucket(bound: str) -> float:
        labels = f'le="{bound}",method="GET",route="/v1/x"'
        return value(f"txplatform_http_request_duration_seconds_bucket{{{labels}}}")

    assert [bucket(each) for each in ("0.005", "0.5", "1", "10", "+Inf")] == [1, 1, 2, 2, 3]
    labels = 'method="GET",route="/v1/x"'
    assert value(f"txplatform_http_request_duration_seconds_count{{{labels}}}") == 3
    assert value(f"txplatform_http_request_duration_seconds_sum{{{labels}}}") > 20
    assert value(f'txplatform_http_requests_total{{{labels},status="200"}}') == 2
    assert value('txplatform_http_requests_total{method="-",route="/v1/x",status="405"}') == 2


def test_many_refusals_are_counted_and_not_logged() -> None:
    """A stranger must not fill the disk."""
    now = [7.0]
    log = RequestLog(slow_ms=500, clock=lambda: now[0])
    with capture_logs() as lines:
        for second in (7.2, 8.1, 8.9, 12.0):
            now[0] = second
            for _ in range(MAX_LINES_PER_S - 40):
                log.responded("GET", "/v1/x", 401, perf_counter(), TRACE, None, "unauthenticated")
                log.responded("GET", "/v1/x", 200, perf_counter() - 0.6, TRACE, None)
    refused = [line for line in lines if line["event"] == "request refused"]
    assert len(refused) == 60 + MAX_LINES_PER_S + 60
    counted = [line for line in lines if line["event"] == "more requests refused"]
    assert [line["requests"] for line in counted] == [20]
    assert sum(line["event"] == "request was slow" for line in lines) == 4 * 60
    (problems,) = (each for each in log.collect() if each.name == "txplatform_http_problems")
    assert [(each.labels, each.value) for each in problems.samples] == [
        ({"problem": "unauthenticated"}, 240)
    ]


def test_refusals_use_up_no_line_of_a_failure() -> None:
    """The ids of failures lead to the log, whatever another client does."""
    now = [7.0]
    log = RequestLog(slow_ms=500, clock=lambda: now[0])
    with capture_logs() as lines:
        for _ in range(MAX_LINES_PER_S + 5):
            for status in (404, 422, 503):
                log.responded("GET", "/v1/x", status, perf_counter(), TRACE, None)
        now[0] = 8.0
        log.responded("GET", "/v1/x", 404, perf_counter(), TRACE, None)
    written = Counter(line["event"] for line in lines)
    assert written["request failed"] == MAX_LINES_PER_S
    assert written["request refused"] == MAX_LINES_PER_S + 1
    counted = {
        line["event"]: line["requests"] for line in lines if line["event"].startswith("more")
    }
    assert counted == {
        "more requests failed": 5,
        "more requests refused": MAX_LINES_PER_S + 10,
    }
