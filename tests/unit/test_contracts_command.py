"""`txplatform contracts check` says which field of a message is wrong, and why."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.documents import document, json_examples
from txplatform.cli import main

SUBMITTED = "payments.payment-submitted.v1"
GOOD: dict[str, Any] = {
    "account_id": "acc-1",
    "payment_id": "p-1",
    "amount": 1250,
    "currency": "EUR",
}
EXPIRED: dict[str, Any] = {
    "transaction_id": "tx-1",
    "account_id": "acc-1",
    "released": 5,
    "balance": {"credit_limit": 1, "posted": 0, "pending": 0, "available": 1},
    "account_version": 3,
    "event_id": "e-1",
    "recorded_at": "2026-11-20T10:15:00.000000Z",
}


def event(topic: str, data: object) -> dict[str, Any]:
    """Return a CloudEvent in structured mode."""
    return {"specversion": "1.0", "id": "1", "source": "/test", "type": topic, "data": data}


def check(folder: Path, contents: str, *words: str) -> int:
    """Write a file, check it and return the exit code."""
    path = folder / "messages.jsonl"
    path.write_text(contents, encoding="utf-8")
    return main(["contracts", "check", str(path), *words])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        pytest.param(GOOD, ["--topic", SUBMITTED], id="body"),
        pytest.param(event(SUBMITTED, GOOD), [], id="event"),
        pytest.param(event(SUBMITTED, GOOD), ["--topic", SUBMITTED], id="event and topic"),
        pytest.param({"topic": SUBMITTED, "key": "acc-1", "body": GOOD}, [], id="dry run"),
        pytest.param(event("transactions.hold-expired.v1", EXPIRED), [], id="outbound"),
        pytest.param({**GOOD, "new": 1}, ["--topic", SUBMITTED], id="unknown field"),
    ],
)
def test_a_valid_message_is_passed_in_every_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], message: object, words: list[str]
) -> None:
    line = json.dumps(message)
    for contents in (
        line,
        f"{line}\n\n{line}\n",
        f"[{line}, {line}]",
        json.dumps(message, indent=1),
    ):
        assert check(tmp_path, contents, *words) == 0
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("message", "finding"),
    [
        (
            event(SUBMITTED, {**GOOD, "amount": 12.5}),
            f", {SUBMITTED}, amount: must be a whole number of minor units: 12.50 EUR is 1250",
        ),
        (event(SUBMITTED, {**GOOD, "amount": -1}), f", {SUBMITTED}, amount: must be at least 0"),
        (
            event(SUBMITTED, {**GOOD, "currency": "EUX"}),
            f", {SUBMITTED}, currency: is not an ISO 4217 currency code",
        ),
        (
            event(SUBMITTED, {**GOOD, "submitted_at": "soon"}),
            f", {SUBMITTED}, submitted_at: cannot be read, and would be dropped",
        ),
        (
            event(SUBMITTED, {"account_id": "acc-1"}),
            f", {SUBMITTED}, payment_id: is missing",
        ),
        (event(SUBMITTED, None), f", {SUBMITTED}: must be a group of named fields"),
        (
            event(
                "transactions.hold-expired.v1",
                {**EXPIRED, "balance": {**EXPIRED["balance"], "posted": "5"}},
            ),
            ", transactions.hold-expired.v1, balance.posted: must be a whole number",
        ),
        (
            {"topic": SUBMITTED, "key": "acc-2", "body": GOOD},
            f", {SUBMITTED}, key: is not the account_id of the body",
        ),
        (
            event("payments.unknown.v1", GOOD),
            ", payments.unknown.v1, type: payments.unknown.v1 is not a topic",
        ),
        (GOOD, ": names no topic: give --topic"),
        ([], ": names no topic"),
    ],
)
def test_an_invalid_field_is_named_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], message: object, finding: str
) -> None:
    good = json.dumps(event(SUBMITTED, GOOD))
    assert check(tmp_path, f"{good}\n{json.dumps(message)}\n") == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"line 2{finding}")
    assert printed.err == "2 messages, 1 invalid\n"


def test_an_event_of_another_topic_than_the_given_one_is_invalid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--topic", "payments.payment-returned.v1"]
    assert check(tmp_path, json.dumps(event(SUBMITTED, GOOD)), *words) == 1
    assert f"type: is {SUBMITTED}, not {words[1]}" in capsys.readouterr().out


def test_a_description_that_would_lose_a_part_is_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = {**GOOD, "reference": "x" * 65}
    assert check(tmp_path, json.dumps(long), "--topic", SUBMITTED) == 0
    assert f"message 1, {SUBMITTED}, reference: note: " in capsys.readouterr().out


def test_what_is_no_json_is_invalid_and_the_lines_behind_it_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps(GOOD)
    contents = f'{good}\nnonsense\n{{"amount": NaN}}\n{good}\n'
    assert check(tmp_path, contents, "--topic", SUBMITTED) == 1
    printed = capsys.readouterr()
    assert f"line 2, {SUBMITTED}: Expecting value" in printed.out
    assert f"line 3, {SUBMITTED}: NaN is not a JSON number" in printed.out
    assert printed.err == "4 messages, 2 invalid\n"


def test_the_result_is_printed_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = json.dumps([GOOD, {**GOOD, "amount": 10**15}])
    assert check(tmp_path, contents, "--topic", SUBMITTED, "--json") == 1
    assert json.loads(capsys.readouterr().out) == [
        {"place": "message 1", "topic": SUBMITTED, "findings": []},
        {
            "place": "message 2",
            "topic": SUBMITTED,
            "findings": [
                {
                    "field": "amount",
                    "problem": "must be at most 999999999999999",
                    "invalid": True,
                }
            ],
        },
    ]


def test_messages_are_read_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = io.BytesIO(json.dumps(event(SUBMITTED, GOOD)).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(contents))
    assert main(["contracts", "check", "-"]) == 0
    assert capsys.readouterr().err == "1 message, 0 invalid\n"


@pytest.mark.parametrize("contents", ["", " \n", "[]"])
def test_a_file_without_a_message_is_a_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], contents: str
) -> None:
    assert check(tmp_path, contents) == 2
    assert "has no message" in capsys.readouterr().err


def test_a_missing_file_is_a_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contracts", "check", "/nowhere/file"]) == 2
    assert "/nowhere/file: No such file" in capsys.readouterr().err


def test_the_examples_of_the_documents_are_valid(tmp_path: Path) -> None:
    submitted, returned = json_examples(document("messages.md"))[:2]
    assert check(tmp_path, json.dumps(submitted), "--topic", SUBMITTED) == 0
    words = ["--topic", "payments.payment-returned.v1"]
    assert check(tmp_path, json.dumps(returned), *words) == 0
