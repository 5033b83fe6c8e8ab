"""`txplatform import` with the API, the consumer, PostgreSQL and Kafka."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.api import RunningApi, running_api
from harness.inbound import consuming, settings_for
from harness.ipm import CARD, presentment, write_ipm
from harness.postgres import TestDatabase

STATEMENTS = Path(__file__).parents[1] / "statements"


@dataclass(frozen=True)
class Platform:
    """A running platform, and the environment of its clients."""

    api: RunningApi
    env: dict[str, str]

    def open(self, account_id: str, currency: str = "EUR") -> None:
        """Open an account with a limit of 1,000.00."""
        body = {"account_id": account_id, "currency": currency, "credit_limit": 100_000}
        assert self.api.client.post("/v1/accounts", json=body).status_code == 201

    def posted(self, account_id: str) -> int:
        """Return what is owed."""
        balance = self.api.client.get(f"/v1/accounts/{account_id}/balance").json()
        return int(balance["posted"])

    def import_file(self, path: Path, *words: str, code: int = 0) -> dict[str, Any]:
        """Import a file and return the report."""
        done = self.run(path, *words, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def run(self, path: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Import a file."""
        return subprocess.run(
            [sys.executable, "-m", "txplatform.cli", "import", str(path), *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, **self.env},
            cwd=path.parent,
        )


@pytest.fixture
def settlement(service_env: dict[str, str]) -> Iterator[Platform]:
    """A platform without Kafka."""
    with running_api(service_env) as api:
        yield Platform(api, {"TXPLATFORM_API_URL": api.url, "TXPLATFORM_API_KEY": api.key})


@pytest.fixture
def platform(database: TestDatabase, topics: str, settlement: Platform) -> Iterator[Platform]:
    """A platform with Kafka and a consumer."""
    with consuming(settings_for(database, topics)):
        kafka = {"TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics}
        yield Platform(settlement.api, {**settlement.env, **kafka})


def counts(report: dict[str, Any]) -> dict[str, int]:
    """Return how many records had each result."""
    names = ("taken", "repeated", "waiting", "ignored", "refused", "unknown")
    return {name: report[name] for name in names if report[name]}


@pytest.mark.long
def test_payments_and_returns_are_applied_once_however_often_a_file_is_imported(
    platform: Platform, tmp_path: Path
) -> None:
    platform.open("a")
    path = tmp_path / "payments.csv"
    path.write_text(
        "payment_id,account_id,amount,currency,kind,submitted_at\n"
        "INV 1/2026,a,50.00,EUR,,2026-11-20\n"
        "p2,a,20.00,EUR,,2026-11-20\n"
        "p2,a,20.00,EUR,return,\n"
        "p3,unknown,20.00,EUR,,2026-11-20\n"
        "p4,a,20.00,USD,,2026-11-20\n"
        "p5,a,0.00,EUR,,2026-11-20\n"
        "p6,a,20.001,EUR,,2026-11-20\n"
    )
    report = platform.import_file(path, "--format", "csv", code=1)
    assert counts(report) == {"taken": 3, "waiting": 1, "ignored": 1, "refused": 2}
    assert platform.posted("a") == -5000
    assert [
        (each["line"], each["field"], each["reason"]) for each in report["needing_a_person"]
    ] == [
        (6, "currency", "currency_mismatch"),
        (8, "amount", "cell"),
    ]
    assert {
        "result": "taken",
        "kind": "payment",
        "currency": "EUR",
        "count": 2,
        "amount": 7000,
    } in (report["sums"])

    again = platform.import_file(path, "--format", "csv", code=1)
    assert counts(again) == {"repeated": 4, "ignored": 1, "refused": 2}
    assert platform.posted("a") == -5000


def test_a_bank_statement_is_applied_and_its_return_undoes_the_collection(
    platform: Platform,
) -> None:
    platform.open("A-1001")
    platform.open("A-1002")
    path = STATEMENTS / "german-savings-bank.xml"
    options = ["--format", "camt", "--account-by", "text", "--account-by", "mandate"]
    options += ["--account-pattern", r"A-\d{4}"]
    first = platform.import_file(path, *options)
    assert counts(first) == {"taken": 4}
    assert first["skipped"] == {
        "debit of the bank account": 1,
        "entry that is not booked yet": 1,
    }
    assert (platform.posted("A-1001"), platform.posted("A-1002")) == (-15000, -2000)

    assert counts(platform.import_file(path, *options)) == {"repeated": 4}
    assert (platform.posted("A-1001"), platform.posted("A-1002")) == (-15000, -2000)


@pytest.mark.long
def test_without_a_consumer_the_outcome_is_unknown(
    settlement: Platform, topics: str, tmp_path: Path
) -> None:
    path = tmp_path / "payments.csv"
    path.write_text("payment_id,account_id,amount,currency\np1,a,50.00,EUR\n")
    platform = Platform(
        settlement.api, {**settlement.env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics}
    )
    report = platform.import_file(path, "--format", "csv", "--wait", "1", code=1)
    assert counts(report) == {"unknown": 1}
    assert report["needing_a_person"][0]["id"] == "p1"


def test_settlement_items_are_posted_once_however_often_a_file_is_imported(
    settlement: Platform, tmp_path: Path
) -> None:
    settlement.open("a")
    path = tmp_path / "items.csv"
    path.write_text(
        "clearing_id,account_id,amount,currency,direction,reverses_clearing_id\n"
        "c1,a,50.00,EUR,debit,\n"
        "c2,a,20.00,EUR,credit,\n"
        "c1-R,a,50.00,EUR,credit,c1\n"
        "c3,a,7.00,EUR,,\n"
        "c4,unknown,7.00,EUR,,\n"
        "c5,a,7.00,USD,,\n"
        "c1,a,49.00,EUR,debit,\n"
    )
    report = settlement.import_file(path, "--format", "csv", code=1)
    assert counts(report) == {"taken": 4, "waiting": 1, "refused": 2}
    assert settlement.posted("a") == 5000 - 2000 - 5000 + 700
    assert [(each["line"], each["reason"]) for each in report["needing_a_person"]] == [
        (7, "currency_mismatch"),
        (8, "conflicting_copy"),
    ]
    assert report["flags"]["no_authorization"] == 2

    again = settlement.import_file(path, "--format", "csv", code=1)
    assert counts(again) == {"repeated": 4, "waiting": 1, "refused": 2}
    assert settlement.posted("a") == -1300


@pytest.mark.long
def test_a_network_file_is_posted_in_batches_and_a_reversal_takes_its_original_back(
    settlement: Platform, tmp_path: Path
) -> None:
    settlement.open("acc-1", "GBP")
    messages = [presentment(f"{number:023}", DE6=100) for number in range(1, 2501)]
    messages += [presentment(f"{1:023}", DE6=100, PDS0025="R261120")]
    path = write_ipm(tmp_path / "T112", *messages)
    cards = tmp_path / "cards.csv"
    cards.write_text(f"key,account_id\n{CARD},acc-1\n")
    options = ["--format", "ipm", "--accounts", str(cards)]
    report = settlement.import_file(path, *options)
    assert counts(report) == {"taken": 2501}
    assert settlement.posted("acc-1") == 249_900
    assert counts(settlement.import_file(path, *options)) == {"repeated": 2501}
    assert settlement.posted("acc-1") == 249_900


def test_the_report_says_in_words_what_became_of_the_file(
    settlement: Platform, tmp_path: Path
) -> None:
    settlement.open("a")
    path = tmp_path / "items.csv"
    path.write_text("clearing_id,account_id,amount,currency\nc1,a,1234.50,EUR\nc2,a,5,USD\n")
    done = settlement.run(path, "--format", "csv")
    assert done.returncode == 1
    assert done.stdout.startswith("items.csv: 1 taken, 0 repeated, 0 waiting, 0 ignored, 1 refused")
    assert "1,234.50" in done.stdout
    assert "flagged: 1 (no_authorization)" in done.stdout
    assert "refused: line 3, c2, currency, currency_mismatch: " in done.stdout
    assert "import items.csv: 2 of 2" in done.stderr


def test_a_key_without_the_scope_is_told_what_it_needs(
    settlement: Platform, tmp_path: Path
) -> None:
    path = tmp_path / "items.csv"
    path.write_text("clearing_id,account_id,amount,currency\nc1,a,5,EUR\n")
    done = settlement.run(path, "--format", "csv", "--api-key", "wrong")
    assert done.returncode == 1
    assert "txplatform import: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_an_api_that_cannot_be_reached_is_named(settlement: Platform, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("clearing_id,account_id,amount,currency\nc1,a,5,EUR\n")
    url = "http://127.0.0.1:9"
    done = settlement.run(path, "--format", "csv", "--api-url", url, "--wait", "1")
    assert done.returncode == 1
    assert f"The import ended: {url} did not respond to POST /v1/clearings" in done.stderr
    assert "Traceback" not in done.stderr
