"""`txplatform events` and `txplatform accounts` show an account to people and scripts."""

from __future__ import annotations

import json

import pytest

from harness.commands import (
    clearing,
    opening,
    operator_status,
    payment,
    payment_return,
    purchase,
    team_status,
)
from harness.histories import record
from harness.postgres import TestDatabase
from harness.processes import run_command
from txplatform.database import Database


@pytest.fixture
def env(database: TestDatabase, service_env: dict[str, str]) -> dict[str, str]:
    """The environment; one account has a history, and another is not open yet."""
    with Database(database.service_url).connect() as connection:
        record(connection, [payment("acc", "p1", 40), opening("acc", 100)])
        record(connection, [purchase("acc", "t1", 130), purchase("acc", "t2", 11)])
        record(connection, [payment_return("acc", "p2", 5)])
        record(connection, [payment("early", "p1", 40)])
    return service_env


def test_events_as_json_has_the_state_after_each_event(env: dict[str, str]) -> None:
    code, out, err = run_command("events", "--account", "acc", "--json", env=env)
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["account_id"] for line in lines} == {"acc"}
    assert [line["account_version"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["type"] for line in lines] == [
        "payment-waiting",
        "account-opened",
        "payment-received",
        "authorization-approved",
        "authorization-declined",
        "payment-return-waiting",
    ]
    states = [line["state"] for line in lines]
    assert [state["posted"] for state in states] == [0, 0, -40, -40, -40, -40]
    assert [state["pending"] for state in states] == [0, 0, 0, 130, 130, 130]
    assert [state["available"] for state in states] == [0, 100, 140, 10, 10, 10]
    assert [state["waiting"] for state in states] == [
        ["payment:p1"],
        ["payment:p1"],
        [],
        [],
        [],
        ["payment-return:p2"],
    ]
    assert lines[3]["data"]["purchase"]["transaction_id"] == "t1"
    assert lines[3]["decided_at"].endswith("Z")
    assert lines[3]["caused_by"] == {"kind": "api_key", "id": "key_1", "name": "test"}
    assert [line["business_time"] for line in lines[2:4]] == ["2026-11-20T10:15:00.000000Z", None]


def test_events_prints_a_table_with_a_sentence_for_each_event(env: dict[str, str]) -> None:
    code, out, err = run_command("events", "--account", "acc", env=env)
    assert code == 0, err
    assert "approved 1.30 USD, t1" in out
    assert "declined 0.11 USD, t2: insufficient_credit" in out


def test_brackets_in_texts_from_outside_are_not_read_as_markup(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc"), clearing("acc", "t9", "c", 7)])
    out = run_command("events", "--account", "acc", env=service_env)[1]
    assert "cleared 0.07 USD, c of t9, 0.00 released [no_authorization]" in out


@pytest.mark.parametrize(
    "words", [("events", "--account", "nobody"), ("accounts", "show", "nobody")]
)
def test_an_unknown_account_exits_1_with_a_next_step(
    env: dict[str, str], words: tuple[str, ...]
) -> None:
    code, out, err = run_command(*words, env=env)
    assert (code, out) == (1, "")
    assert "Account nobody is unknown." in err


@pytest.mark.parametrize("words", [("--json",), ("list", "--json"), ("--json", "list")])
def test_accounts_lists_every_account_even_before_it_is_opened(
    env: dict[str, str], words: tuple[str, ...]
) -> None:
    code, out, err = run_command("accounts", *words, env=env)
    assert (code, err) == (0, "")
    acc, early = map(json.loads, out.splitlines())
    assert (acc["account_id"], acc["posted"], acc["available"]) == ("acc", -40, 10)
    assert (early["opened"], early["status"], early["account_version"]) == (False, None, 1)
    assert [acc, early] == [
        json.loads(run_command("accounts", "show", name, "--json", env=env)[1])
        for name in ("acc", "early")
    ]


def test_accounts_show_and_list_have_the_status_and_who_set_it(
    database: TestDatabase, env: dict[str, str]
) -> None:
    with Database(database.service_url).connect() as connection:
        record(connection, [operator_status("acc", "s1", "frozen")])
        record(connection, [team_status("acc", 1, "active"), team_status("early", 1, "frozen")])
    listed = [*map(json.loads, run_command("accounts", "--json", env=env)[1].splitlines())]
    shown = json.loads(run_command("accounts", "show", "acc", "--json", env=env)[1])
    for account in (listed[0], shown):
        assert account["status"] == "frozen"
        assert (account["operator_status"], account["team_status"]) == ("frozen", "active")
    assert (listed[1]["status"], listed[1]["team_status"]) == (None, "frozen")
    assert "frozen" in run_command("accounts", env=env)[1]


def test_accounts_show_reads_the_log_and_has_the_waiting_messages(env: dict[str, str]) -> None:
    """Projections are not used, so the output never lags."""
    code, out, err = run_command("accounts", "show", "acc", "--json", env=env)
    assert code == 0, err
    shown = json.loads(out)
    assert (shown["available"], shown["account_version"]) == (10, 6)
    assert shown["waiting"] == ["payment-return:p2"]
    assert "payment-return:p2" in run_command("accounts", "show", "acc", env=env)[1]
    assert "not opened" in run_command("accounts", env=env)[1]
