"""Runs each example with the API, PostgreSQL and Kafka."""

from __future__ import annotations

import json
import re
import runpy
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.api import balance, open_account, running_api
from harness.commands import clearing, opening, payment, payment_return, purchase, refund
from harness.histories import record
from harness.inbound import consuming, execute, posted, settings_for
from harness.postgres import TestDatabase
from harness.published import decide, decided, publishing, read_topic, wait_for_publisher
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.domain.ids import TransactionId

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name: str, *words: str, env: Mapping[str, str] | None = None) -> str:
    """Run an example from the command line and return its output."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *words],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
    )
    return done.stdout


def loaded(name: str) -> dict[str, Any]:
    """Load an example and return its functions."""
    return runpy.run_path(str(EXAMPLES / name))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_does_not_import_txplatform(path: Path) -> None:
    """Other teams copy the examples and do not have this package."""
    source = path.read_text()
    assert len(source.splitlines()) <= 70
    assert not re.search(r"(import|from) txplatform\b", source)


def test_authorize_prints_a_decision(service_env: dict[str, str]) -> None:
    with running_api(service_env) as api:
        open_account(api.client, "acc-1", 500_000)
        printed = run_example(
            "authorize.py", api.url, "acc-1", "1250", "USD", env={"TXPLATFORM_API_KEY": api.key}
        )
        assert printed == "approved 00\navailable: 4,987.50 USD\n"
        assert balance(api.client, "acc-1")["pending"] == 1250


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_without_arguments_prints_its_usage(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path)], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert f"python examples/{path.name} " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["authorize.py", "settle.py"])
def test_a_refused_caller_prints_the_reason_and_the_next_step_of_the_api(
    service_env: dict[str, str], tmp_path: Path, name: str
) -> None:
    file = tmp_path / "clearings.jsonl"
    file.write_text("{}\n")
    words = {"authorize.py": ("acc-1", "1250", "USD"), "settle.py": (str(file),)}[name]
    with running_api(service_env) as api:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / name), api.url, *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env={"TXPLATFORM_API_KEY": "wrong"},
        )
    assert done.returncode == 1
    problem = "unauthenticated (401): The Authorization header has no bearer API key. Send "
    assert done.stderr.startswith(problem)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["read_decisions.py", "read_postings.py"])
def test_a_reader_ends_quietly_at_ctrl_c(topics: str, tmp_path: Path, name: str) -> None:
    store = tmp_path / "store.db"
    reader = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), topics, str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until(lambda: store.exists() and store.stat().st_size > 0)
        reader.send_signal(signal.SIGINT)
        printed, _ = reader.communicate(timeout=30)
    finally:
        reader.kill()
    assert (reader.returncode, printed) == (0, b"")


def test_a_payment_sent_twice_before_its_account_is_opened_is_applied_once(
    database: TestDatabase, topics: str
) -> None:
    words = (topics, "pay-1", "acc-1", "5000", "USD")
    for _ in range(2):
        assert run_example("send_payment.py", *words) == "sent pay-1\n"
    with consuming(settings_for(database, topics)):
        decide(database, accounts=2, purchases=1)
        wait_until(lambda: posted(database, "acc-1") == -5000)
    # The second copy has another time, which only describes.
    outcomes = execute(database, "SELECT first_status FROM inbound_messages ORDER BY id")
    assert [status for (status,) in outcomes][-1] == "duplicate"


def test_the_reader_of_decisions_drops_copies(
    database: TestDatabase, topics: str, tmp_path: Path
) -> None:
    """The publisher sends everything twice, and the reader reads everything twice."""
    decide(database, accounts=10, purchases=10)
    settings = settings_for(database, topics)
    for _ in range(2):
        execute(database, "UPDATE checkpoints SET position = 0 WHERE name LIKE 'publisher:%%'")
        with publishing(settings):
            wait_for_publisher(database)
    assert len(read_topic(topics)) == 200
    path = str(tmp_path / "decisions.db")
    read = loaded("read_decisions.py")["read_decisions"]
    for group in ("first", "second"):
        read(topics, path, group=group, idle_s=5)
    with closing(sqlite3.connect(path)) as store:
        kept = store.execute("SELECT account_id, event_id FROM decisions ORDER BY rowid").fetchall()
    found: dict[str, list[str]] = {}
    for account_id, event_id in kept:
        found.setdefault(account_id, []).append(event_id)
    assert found == decided(database)


def test_the_reader_of_postings_reaches_the_balance_though_messages_are_sent_twice(
    database: TestDatabase, topics: str, tmp_path: Path
) -> None:
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc-1"), purchase("acc-1", "tx", 1000)])
        record(connection, [clearing("acc-1", TransactionId("tx"), "c1", 700, final=False)])
        record(connection, [refund("acc-1", TransactionId("tx"), "f1", 50)])
        record(connection, [payment("acc-1", "p1", 40), payment("acc-1", "p2", 9)])
        record(connection, [payment_return("acc-1", "p2", 9)])
    for _ in range(2):
        execute(database, "UPDATE checkpoints SET position = 0 WHERE name LIKE 'publisher:%%'")
        with publishing(settings_for(database, topics)):
            wait_for_publisher(database)
    path = str(tmp_path / "postings.db")
    loaded("read_postings.py")["read_postings"](topics, path, idle_s=5)
    with closing(sqlite3.connect(path)) as store:
        assert store.execute("SELECT * FROM postings").fetchall() == [("acc-1", 610)]
    assert posted(database, "acc-1") == 610


def test_settle_posts_a_file_once_and_reports_the_refused_lines(
    service_env: dict[str, str], tmp_path: Path
) -> None:
    good = {"account_id": "acc-1", "clearing_id": "c-1", "amount": 5, "currency": "USD"}
    named = {**good, "clearing_id": "c-3", "merchant": {"name": "A\u2028B\x85C"}}
    lines = [good, {**good, "clearing_id": "c-2", "amount": "5"}, named]
    file = tmp_path / "clearings.jsonl"
    text = "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    file.write_text(f"{text}\n \n", encoding="utf-8")
    with running_api(service_env) as api:
        open_account(api.client, "acc-1", 500_000)
        for counts in ("2 posted, 0 repeated", "0 posted, 2 repeated"):
            done = subprocess.run(
                [sys.executable, str(EXAMPLES / "settle.py"), api.url, str(file)],
                check=False,
                capture_output=True,
                text=True,
                timeout=60,
                env={"TXPLATFORM_API_KEY": api.key},
            )
            refused, counted = done.stdout.splitlines()
            assert done.returncode == 1
            assert refused.startswith("line 3, c-2: amount: validation. ")
            assert counted == f"{counts}, 0 waiting, 2 flagged, 1 refused"
        assert balance(api.client, "acc-1")["posted"] == 10
