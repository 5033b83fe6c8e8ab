"""The code of the client's README runs, and prints what it says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness.api import RunningApi
from harness.documents import codes, table
from harness.postgres import TestDatabase
from txplatform_client import Balance, Client
from txplatform_client.kafka import PaymentApplied, SeenEvents, build

README = Path(__file__).parents[2] / "clients" / "python" / "README.md"
TEXT = README.read_text(encoding="utf-8")
PRINTED = re.compile(r"print\(.*\)  # (.*)")


def test_the_code_runs_and_prints_what_it_says(
    own_api: RunningApi, topics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
    expected = PRINTED.findall(code)
    real = {
        "http://localhost:8000": own_api.url,
        "txp_…": own_api.key,
        "localhost:9092": topics,
    }
    for example, value in real.items():
        assert example in code
        code = code.replace(example, value)
    names: dict[str, Any] = {}
    exec(compile(code, str(README), "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert len(expected) > 6
    assert [line for line in printed if line in expected] == expected
    names["client"].close()
    names["traced"].close()


def payment_applied() -> PaymentApplied:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return PaymentApplied(
        amount=5,
        currency="USD",
        payment_id="p-1",
        account_id="acc-1",
        posted_change=-5,
        flags=[],
        balance=Balance(credit_limit=5, posted=0, pending=0, available=5),
        original_amount=None,
        original_currency=None,
        submitted_at=None,
        reference=None,
        metadata=None,
        account_version=2,
        event_id="e-1",
        recorded_at=at,
    )


def test_the_handler_stores_an_event_once(database: TestDatabase) -> None:
    (block,) = re.findall(r"^```python\n(import psycopg.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, str(README), "exec"), names)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(SeenEvents.TABLE)
        connection.execute("CREATE TABLE letters (account_id TEXT)")
        for record in [build(payment_applied(), source="/test", event_id="e-1")] * 2:
            names["handle"](connection, record.topic, record.value, record.headers)
        assert connection.execute("SELECT * FROM letters").fetchall() == [("acc-1",)]


def test_the_table_of_calls_is_complete() -> None:
    listed = [call for _, calls in table(TEXT, "Calls", "Subject") for call in codes(calls)]
    offered = {name for name in dir(Client) if not name.startswith("_")}
    assert sorted(listed) == sorted(offered - {"send", "pages", "close"})
