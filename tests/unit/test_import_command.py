"""`txplatform import` without a platform: dry runs and wrong use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.ipm import CARD, presentment, write_ipm
from txplatform.cli import main

STATEMENTS = Path(__file__).parents[1] / "statements"
PAYMENTS = "payment_id,account_id,amount,currency,submitted_at\n"


def written(folder: Path, name: str, text: str) -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_dry_run_prints_the_messages_that_would_be_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "p.csv", f"{PAYMENTS}p1,a,12.50,EUR,2026-11-20T10:00:00Z\n")
    assert main(["import", path, "--format", "csv", "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "topic": "payments.payment-submitted.v1",
        "key": "a",
        "body": {
            "payment_id": "p1",
            "account_id": "a",
            "amount": 1250,
            "currency": "EUR",
            "submitted_at": "2026-11-20T10:00:00Z",
        },
    }


def test_a_dry_run_prints_the_settlement_items_and_never_a_card_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "5555555555554444"
    path = write_ipm(
        tmp_path / "t112", presentment(), presentment("B" * 23, DE2=other), blocked=False
    )
    accounts = written(tmp_path, "cards.csv", f"key,account_id\n{CARD},acc-1\n")
    words = ["import", str(path), "--format", "ipm", "--accounts", accounts, "--dry-run"]
    assert main(words) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["post"] == "/v1/clearings"
    assert json.loads(printed.out)["item"]["account_id"] == "acc-1"
    assert "refused: line 3, DE2, account_unknown: " in printed.err
    assert "skipped: 2 (message of type 1644)" in printed.err
    assert CARD not in printed.out + printed.err
    assert other not in printed.out + printed.err


def test_a_dry_run_of_a_statement_finds_accounts_by_what_the_options_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(STATEMENTS / "dutch-bank.xml")
    options = ["--account-by", "text", "--account-pattern", r"A-(\d+)"]
    assert main(["import", path, "--format", "camt", *options, "--dry-run"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["key"] == "1001"
    assert "refused: line 24, Ntry, unclear_amounts: the bank announces 3" in printed.err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["no-such-file", "--format", "csv"], "no-such-file: No such file or directory"),
        (["{file}", "--format", "csv", "--encoding", "cp037"], "--encoding is not for the format"),
        (["{file}", "--format", "ipm"], "The format ipm needs --accounts"),
        (["{wrong}", "--format", "csv"], "wrong.csv is no CSV file for the import"),
        (["{file}", "--format", "csv"], "There is no API key."),
    ],
)
def test_wrong_use_is_named_and_nothing_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], problem: str
) -> None:
    file = written(tmp_path, "good.csv", PAYMENTS)
    wrong = written(tmp_path, "wrong.csv", "payment_id\n")
    assert main(["import", *(word.format(file=file, wrong=wrong) for word in words)]) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(("name", "of"), [("defusedxml", "camt"), ("cardutil", "ipm")])
def test_a_missing_library_is_named_with_the_way_to_install_it(
    tmp_path: Path, name: str, of: str
) -> None:
    accounts = written(tmp_path, "accounts.csv", "key,account_id\n")
    words = ["import", "file", "--format", of, "--accounts", accounts]
    program = (
        f"import sys; sys.modules[{name!r}] = None\n"
        f"from txplatform.cli import main; sys.exit(main({words}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert f"needs the library {name}" in done.stderr
    assert "pip install 'txplatform[import]'" in done.stderr
