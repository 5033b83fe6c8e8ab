"""No bytes on a socket make the API fail, or grow its memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.api import RunningApi, balance, open_account, purchase
from harness.fuzz import MOST_GROWTH_MB, fuzz_sockets


@pytest.mark.parametrize("requests", [400, pytest.param(20_000, marks=pytest.mark.long)])
def test_no_bytes_make_the_api_fail_or_grow(
    own_api: RunningApi, requests: int, print_figures: Callable[[str], None]
) -> None:
    report = fuzz_sockets(own_api, requests, 2)
    print_figures(f"raw sockets: {report}")
    assert report.requests >= requests
    assert report.failures == {}
    assert {200, 400, 422, 501} <= {*report.statuses}
    assert report.after_mb - report.before_mb < MOST_GROWTH_MB
    assert "unexpected error" not in own_api.command.stderr
    assert "Traceback" not in own_api.command.stderr
    open_account(own_api.client, "after", 1000)
    answer = own_api.client.post("/v1/process-transaction", json=purchase("t", "after", 10))
    assert answer.json()["decision"] == "approved"
    assert balance(own_api.client, "after")["pending"] == 10
