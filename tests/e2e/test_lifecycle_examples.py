"""The settlement examples, with the real API, PostgreSQL and Kafka."""

from __future__ import annotations

import json
import runpy
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from harness.api import balance, open_account, purchase, running_api
from harness.inbound import execute, settings_for
from harness.postgres import TestDatabase
from harness.published import publishing, wait_for_publisher
from txplatform_client import Client

EXAMPLES = Path(__file__).parents[2] / "examples"


def clearing(number: int, **changes: Any) -> dict[str, Any]:
    """Return one line of a settlement file."""
    return {
        "clearing_id": f"c{number}",
        "account_id": "acc-1",
        "transaction_id": "tx",
        "amount": 1,
        "currency": "USD",
        **changes,
    }


def test_a_settlement_file_is_posted_and_refused_lines_are_named(
    service_env: dict[str, str], tmp_path: Path
) -> None:
    """The example runs twice on the command line; the second run changes nothing."""
    file = tmp_path / "clearings.jsonl"
    lines = [
        *(clearing(number) for number in range(2500)),
        *(clearing(9998, account_id="not-yet"), clearing(9999, currency="EUR")),
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    with running_api(service_env) as api:
        open_account(api.client, "acc-1", 10_000)
        for counts in ("2500 posted, 0 repeated", "0 posted, 2500 repeated"):
            done = subprocess.run(
                [sys.executable, str(EXAMPLES / "settle.py"), api.url, str(file)],
                check=False,
                capture_output=True,
                text=True,
                timeout=60,
                env={"TXPLATFORM_API_KEY": api.key},
            )
            assert done.returncode == 1
            assert done.stdout.startswith("line 2502, c9999: currency: currency_mismatch. ")
            assert done.stdout.endswith(f"{counts}, 1 waiting, 2500 flagged, 1 refused\n")
            assert balance(api.client, "acc-1")["posted"] == 2500


def test_settle_retries_items_that_are_still_open(service_env: dict[str, str]) -> None:
    """Items are retried if the queue is full, and if a response was lost."""
    settle = runpy.run_path(str(EXAMPLES / "settle.py"))["settle"]

    class LosesTheFirst(httpx.HTTPTransport):
        lost = False

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if not self.lost:
                self.lost = True
                answer.read()
                raise httpx.ReadTimeout("the response was lost")
            return answer

    with running_api(service_env, TXPLATFORM_DECISION_QUEUE_SIZE="20") as api:
        open_account(api.client, "acc-1", 10_000)
        with httpx.Client(transport=LosesTheFirst()) as http:
            client = Client(api.url, api.key, http=http)
            results = settle(client, [clearing(number) for number in range(50)])
        assert [each.clearing_id for each in results] == [f"c{number}" for number in range(50)]
        assert {each.result for each in results} == {"clean"}
        assert balance(api.client, "acc-1")["posted"] == 50


def test_the_reader_of_postings_adds_up_the_amounts_owed(
    service_env: dict[str, str], database: TestDatabase, topics: str, tmp_path: Path
) -> None:
    """Everything is published twice, and the reader starts twice."""
    with running_api(service_env) as api:
        for account_id in ("acc-1", "acc-2"):
            open_account(api.client, account_id, 10_000)
            asked = purchase("tx", account_id, 1000)
            api.client.post("/v1/process-transaction", json=asked)
            items = [clearing(n, account_id=account_id, amount=100, final=False) for n in range(9)]
            assert api.client.post("/v1/clearings", json={"items": items}).json()["clean"] == 9
            refund = {"refund_id": "r", "amount": 250, "currency": "USD", "transaction_id": "tx"}
            api.client.post(f"/v1/accounts/{account_id}/refunds", json=refund)
        owed = {each: balance(api.client, each)["posted"] for each in ("acc-1", "acc-2")}
    for _ in range(2):
        execute(database, "UPDATE checkpoints SET position = 0 WHERE name LIKE 'publisher:%%'")
        with publishing(settings_for(database, topics)):
            wait_for_publisher(database)
    path = str(tmp_path / "postings.db")
    read = runpy.run_path(str(EXAMPLES / "read_postings.py"))["read_postings"]
    for group in ("first", "second"):
        read(topics, path, group=group, idle_s=5)
    with closing(sqlite3.connect(path)) as store:
        assert dict(store.execute("SELECT * FROM postings").fetchall()) == owed
    assert owed == dict.fromkeys(owed, 650)
