"""Under load, every decision is made by a single active rule set."""

from __future__ import annotations

import threading
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count

import httpx
import orjson
import psycopg
import pytest

from harness.api import open_account, purchase, running_api
from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform.audit.verify import verify
from txplatform.database import Database

CLIENTS = 12
ACTIVATIONS = 8
WITHIN = timedelta(seconds=2)
RULES = {
    "tight@1": [
        {"rule": "amount_limit", "max_amount": 30},
        {"rule": "velocity_count", "window_minutes": 60, "max_count": 40},
    ],
    "loose@1": [
        {"rule": "amount_limit", "max_amount": 90},
        {"rule": "category_deny", "categories": ["7995"]},
    ],
}


@pytest.mark.long
def test_i4_each_decision_is_made_by_one_rule_set_that_was_in_force(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    """Two processes decide, and `verify` repeats every decision by its rule set."""
    with running_api(service_env, TXPLATFORM_API_PROCESSES="2") as api:
        for name in range(4):
            open_account(api.client, f"acc-{name}", 1_000_000)
        for ruleset_id, rules in RULES.items():
            body = {"name": ruleset_id.removesuffix("@1"), "version": 1, "rules": rules}
            assert api.client.post("/v1/rulesets", json=body).status_code == 201
        enough = threading.Event()
        newest: dict[int, str] = {}

        def client(number: int) -> None:
            with httpx.Client(base_url=api.url, headers=api.client.headers, timeout=30) as own:
                for step in count():
                    if enough.is_set():
                        return
                    asked = purchase(f"t{number}-{step}", f"acc-{step % 4}", step % 120)
                    answer = own.post("/v1/process-transaction", json=asked)
                    assert answer.status_code == 200, answer.text
                    newest[number] = answer.json()["ruleset"]

        with ThreadPoolExecutor(CLIENTS) as clients:
            running = [clients.submit(client, number) for number in range(CLIENTS)]
            try:
                for number in range(ACTIVATIONS):
                    ruleset_id = list(RULES)[number % 2]
                    answer = api.client.post(
                        f"/v1/rulesets/{ruleset_id}/activations",
                        json={"activation_id": f"a{number}", "reason": "Load."},
                    )
                    assert answer.status_code == 200, answer.text
                    wanted = {ruleset_id}
                    wait_until(
                        lambda: set(newest.values()) == wanted,  # noqa: B023  # called at once
                        timeout_s=10,
                        message=f"every client to be answered by {ruleset_id}",
                    )
            finally:
                enough.set()
            for each in running:
                each.result()

    result = verify(Database(database.service_url))
    assert result.passed, result.differences.kept
    with psycopg.connect(database.owner_url) as connection:
        decisions = [
            orjson.loads(bytes(state))
            for (state,) in connection.execute(
                "SELECT state FROM events WHERE topic LIKE 'authorization-%ed'"
            )
        ]
        activations = connection.execute(
            "SELECT recorded_at, convert_from(state, 'UTF8')::json->>'ruleset_id'"
            " FROM ruleset_events WHERE topic = 'ruleset-activated' ORDER BY version"
        ).fetchall()
    assert result.compared["re-evaluated decisions"] == len(decisions)
    assert {each["ruleset"] for each in decisions} >= set(RULES)
    times = [at for at, _ in activations]
    in_force = ["default@1", *(ruleset_id for _, ruleset_id in activations)]
    for decision in decisions:
        at = datetime.fromisoformat(decision["timestamp"])
        allowed = in_force[bisect_right(times, at - WITHIN) : bisect_right(times, at) + 1]
        assert decision["ruleset"] in allowed, decision
