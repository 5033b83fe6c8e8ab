"""The running API fuzzed from its own OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.api import RunningApi
from harness.fuzz import MOST_GROWTH_MB, fuzz_operations
from txplatform.api.process_transaction import PATH


@pytest.mark.parametrize("requests", [120, pytest.param(5_000, marks=pytest.mark.long)])
def test_no_input_makes_the_api_fail_or_contradict_its_document(
    own_api: RunningApi,
    subtests: pytest.Subtests,
    print_figures: Callable[[str], None],
    requests: int,
) -> None:
    """There is no 5xx, and every status, media type and body is documented.

    The event stream is left out: it never ends, and other tests cover it.
    """
    fuzzed = set()

    def fuzz(operation: str, run: Callable[[], None]) -> None:
        fuzzed.add(operation)
        with subtests.test(operation=operation):
            run()

    report = fuzz_operations(own_api, requests, each=fuzz)
    print_figures(f"schemathesis: {report}")
    assert {f"POST {PATH}", "POST /v1/accounts", "GET /v1/events"} <= fuzzed
    assert report.failures == {}
    assert report.after_mb - report.before_mb < MOST_GROWTH_MB
