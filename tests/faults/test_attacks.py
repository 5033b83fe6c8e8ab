"""One client tries to exhaust the API: memory and other clients' waiting times stay in bounds."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from itertools import count
from statistics import median

import httpx
import psutil
import pytest

from harness.api import RunningApi, open_account, purchase, running_api
from harness.attacks import ATTACKS, attacking
from harness.waiting import wait_until

LIMIT_S = 3
WINDOW_S = 8
WINDOWS = 3
KEYS_PER_S = 450
"""How many unknown keys a second have to be refused at least, so that their attack is one."""


def tight_api(env: dict[str, str]) -> dict[str, str]:
    """Return the settings of an API whose connections end after three seconds."""
    return env | {
        f"TXPLATFORM_API_{name}_TIMEOUT_S": str(LIMIT_S) for name in ("HEAD", "BODY", "SEND")
    }


class Victim:
    """Another client, which sends purchases one after the other."""

    def __init__(self, api: RunningApi) -> None:
        self._client = api.client
        self._numbers = count()
        open_account(api.client, "victim", 1_000_000_000)
        self.p50_ms(2)

    def p50_ms(self, seconds: float) -> float:
        """Return the median time of a purchase, milliseconds."""
        took_ms, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            body = purchase(f"t{next(self._numbers)}", "victim", 1)
            began = time.perf_counter()
            answer = self._client.post("/v1/process-transaction", content=json.dumps(body))
            took_ms.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200
        return median(took_ms)


def connections(api: RunningApi) -> float:
    """Return the number of connections, among them that of the client and that of the request."""
    return metric(api, "txplatform_http_connections")


def metric(api: RunningApi, name: str) -> float:
    """Return the value of a metric; 0 if it has none."""
    text = httpx.get(f"{api.url}/metrics", timeout=60).text
    return sum(map(float, re.findall(rf"^{re.escape(name)} (.*)$", text, re.MULTILINE)))


def unknown_keys(api: RunningApi) -> float:
    """Return how many requests with unknown keys were refused."""
    return metric(api, 'txplatform_http_refused_keys_total{reason="unknown"}')


def test_an_attack_takes_no_memory_and_its_connections_end(service_env: dict[str, str]) -> None:
    with running_api(tight_api(service_env)) as api:
        victim, process = Victim(api), psutil.Process(api.command.pid)
        before = process.memory_info().rss
        for name in ("header_lines", "slow_requests"):
            with attacking(api, name):
                victim.p50_ms(1)
        wait_until(lambda: connections(api) <= 2, message="the end of the connections")
        assert process.memory_info().rss - before < 50e6


@pytest.mark.long
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_at_most_doubles_the_time_of_others(
    service_env: dict[str, str], name: str, print_figures: Callable[[str], None]
) -> None:
    """Windows with and without the attack alternate, since the machine is shared with others."""
    with running_api(tight_api(service_env)) as api:
        victim, process = Victim(api), psutil.Process(api.command.pid)
        before, most = process.memory_info().rss, 0
        quiet, attacked, refused = [], [], 0.0
        for _ in range(WINDOWS):
            quiet.append(victim.p50_ms(WINDOW_S))
            with attacking(api, name):
                refused -= unknown_keys(api)
                attacked.append(victim.p50_ms(WINDOW_S))
                refused += unknown_keys(api)
                most = max(most, process.memory_info().rss)
            wait_until(lambda: connections(api) <= 2, message="the end of the connections")
        ratio = median(during / without for during, without in zip(attacked, quiet, strict=True))
        grown_mb = (most - before) / 1e6
        print_figures(
            f"{name}: p50 {median(quiet):.1f} ms alone, {median(attacked):.1f} ms attacked,"
            f" ratio {ratio:.2f}; memory {before / 1e6:.0f} MB, at most {grown_mb:+.0f} MB",
        )
        if name == "unknown_keys":
            assert refused / (WINDOWS * WINDOW_S) > KEYS_PER_S
        assert ratio < 2
        assert grown_mb < 50
