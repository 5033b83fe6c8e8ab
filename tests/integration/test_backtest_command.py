"""`txplatform backtest` over a real log: its processes, every output format and every failure."""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from harness.commands import NOW, opening, payment, purchase
from harness.histories import record
from harness.postgres import TestDatabase
from harness.processes import Command, run_command
from harness.waiting import wait_until
from txplatform.backtest.run import backtest
from txplatform.backtest.tally import TOTAL
from txplatform.contracts.rulesets import canonical_json
from txplatform.database import Database
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet

CANDIDATE = RuleSet("retail", 7, "Nothing above <60>", (AmountLimit(60),))
ACCOUNTS = 40


@pytest.fixture
def candidate(tmp_path: Path) -> str:
    """The path of the candidate's file."""
    file = tmp_path / "candidate.json"
    file.write_bytes(canonical_json(CANDIDATE))
    return str(file)


def some_accounts(connection: psycopg.Connection, number: int = ACCOUNTS) -> None:
    """In each account, 70 is approved and 40 declined; the candidate does the opposite."""
    for name in (f"acc-{each}" for each in range(number)):
        record(connection, [opening(name, 100)])
        record(connection, [purchase(name, f"{name}-a", 70), purchase(name, f"{name}-b", 40)])
        record(connection, [payment(name, f"{name}-p", 10), purchase(name, f"{name}-c", 30)])


def test_the_result_does_not_depend_on_the_number_of_processes(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Every account is replayed exactly once."""
    some_accounts(service)
    results = [
        backtest(Database(database.service_url), CANDIDATE, processes=processes).tally
        for processes in (1, 3)
    ]
    one, three = results
    assert (one.accounts, one.events, one.judged) == (ACCOUNTS, ACCOUNTS * 5, ACCOUNTS * 3)
    assert one.lines[TOTAL, "", "USD"][4:] == [ACCOUNTS, ACCOUNTS * 70, ACCOUNTS, ACCOUNTS * 40]
    assert three.lines == one.lines
    assert (three.accounts, three.events, three.judged) == (one.accounts, one.events, one.judged)
    assert sorted(three.largest["USD"]) == sorted(one.largest["USD"])


def test_the_recorded_rule_set_changes_nothing(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Both for a backtest from the beginning and for one from a later time."""
    some_accounts(service)
    for since in (None, NOW + timedelta(milliseconds=100)):
        tally = backtest(Database(database.service_url), DEFAULT_RULESET, since).tally
        assert tally.judged + tally.recorded == ACCOUNTS * 3
        assert tally.lines[TOTAL, "", "USD"][4:] == [0, 0, 0, 0]


def test_an_empty_log_is_backtested(database: TestDatabase) -> None:
    result = backtest(Database(database.service_url), CANDIDATE)
    assert result.tally.judged == 0


def test_table_json_and_page_have_the_same_figures(
    service: psycopg.Connection, service_env: dict[str, str], candidate: str, tmp_path: Path
) -> None:
    """Data is written to stdout, progress to stderr."""
    some_accounts(service)
    page = tmp_path / "page.html"
    code, out, err = run_command(
        "backtest", "--ruleset", candidate, "--html", str(page), env=service_env
    )
    assert code == 0, err
    assert "retail@7: 120 decisions of 40 accounts judged" in out
    assert "insufficient_credit" in out
    assert "backtest retail@7: 200 of 200" in err
    html = page.read_text()
    assert "Nothing above &lt;60&gt;" in html
    assert "<60>" not in html
    assert "http" not in html  # the page loads nothing
    assert "<script" not in html
    code, out, err = run_command("backtest", "--ruleset", candidate, "--json", env=service_env)
    assert code == 0, err
    report = json.loads(out)
    assert report["candidate"]["id"] == "retail@7"
    assert report["changed"] == 80
    (total,) = report["totals"]
    assert total["newly_declined"] == {"count": 40, "amount": 2800}
    assert total["newly_approved"] == {"count": 40, "amount": 1600}
    assert len(report["largest"]) == 50
    first = report["largest"][0]
    assert (first["amount"], first["decision"]) == (70, "declined")
    assert first["rules"] == [f"amount_limit: {AmountLimit(60).sentence()}"]
    row = service.execute(
        "SELECT convert_from(state, 'UTF8')::json ->> 'event_id' FROM events"
        " WHERE originator_id = %s AND originator_version = %s",
        (f"account-{first['account_id']}", first["account_version"]),
    ).fetchone()
    assert row == (first["event_id"],)


def test_decisions_before_since_stay_as_recorded(
    service: psycopg.Connection, service_env: dict[str, str], candidate: str
) -> None:
    some_accounts(service, 3)
    words = ("backtest", "--ruleset", candidate, "--json", "--since")
    code, out, _ = run_command(*words, "2026-11-21", env=service_env)
    report = json.loads(out)
    assert (code, report["judged"], report["before_since"]) == (0, 0, 9)
    code, out, _ = run_command(*words, "2026-11-20T00:00:00Z", env=service_env)
    report = json.loads(out)
    assert (code, report["judged"], report["before_since"]) == (0, 9, 0)


@pytest.mark.parametrize(
    ("change", "version", "why"),
    [
        ("UPDATE events SET state = 'no json'", 3, "It cannot be read: DecodeError"),
        pytest.param(
            *("UPDATE events SET state = '{}'", 3, "It cannot be read: ValidationError"),
            marks=pytest.mark.long,
        ),
        pytest.param(
            *("UPDATE events SET topic = 'unheard-of'", 3, "This version does not know this kind"),
            marks=pytest.mark.long,
        ),
        ("UPDATE events SET originator_version = 9", 4, "It follows version 2"),
    ],
)
def test_i7_a_damaged_event_is_named_with_its_account_and_version(  # noqa: PLR0913  # fixtures
    database: TestDatabase,
    service: psycopg.Connection,
    service_env: dict[str, str],
    candidate: str,
    change: str,
    version: int,
    why: str,
) -> None:
    """The exit code is 1 and stdout is empty."""
    some_accounts(service, 3)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("ALTER TABLE events DISABLE TRIGGER USER")
        owner.execute(
            f"{change} WHERE originator_id = 'account-acc-1' AND originator_version = 3".encode()
        )
    code, out, err = run_command("backtest", "--ruleset", candidate, env=service_env)
    assert (code, out) == (1, "")
    assert f"Account acc-1, version {version}, cannot be replayed" in err
    assert why in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("written", "problems"),
    [
        ('{"name": "x"', ["is not acceptable JSON"]),
        (
            '{"name": "x", "version": 1, "rules": [{"rule": "no"}, {"rule": "amount_limit"}]}',
            ["rules[0].rule: is not a rule;", "rules[1].max_amount: is missing."],
        ),
        (None, ["No such file or directory."]),
    ],
)
def test_an_invalid_rule_set_ends_with_exit_code_2(
    tmp_path: Path, written: str | None, problems: list[str]
) -> None:
    """Each problem is printed on its own line; no database is needed."""
    file = tmp_path / "candidate.json"
    if written is not None:
        file.write_text(written)
    code, out, err = run_command("backtest", "--ruleset", str(file), env={})
    assert (code, out) == (2, "")
    for problem in problems:
        assert problem in err
    assert "Traceback" not in err


def suspended_workers(command: Command) -> list[psutil.Process]:
    """Return the two worker processes of a backtest, suspended right after their start."""
    workers: list[psutil.Process] = []

    def started() -> bool:
        assert command.exit_code is None, command.stderr
        for child in psutil.Process(command.pid).children():
            if child not in workers and "spawn_main" in " ".join(child.cmdline()):
                child.suspend()
                workers.append(child)
        return len(workers) == 2

    wait_until(started, message="its processes to be started")
    return workers


def alive(worker: psutil.Process) -> bool:
    """Return whether the process is running and not a zombie."""
    return worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE


def test_ctrl_c_ends_all_processes_at_once(
    service: psycopg.Connection, service_env: dict[str, str], candidate: str
) -> None:
    """They print nothing to stdout, even if one is suspended."""
    some_accounts(service, 3)
    words = ("backtest", "--ruleset", candidate, "--processes", "2")
    with Command(*words, env=service_env) as command:
        workers = suspended_workers(command)
        os.killpg(command.pid, signal.SIGINT)  # a terminal signals all processes
        assert command.wait(10) == 1
        assert "Traceback" not in command.stderr
        assert command.stdout == ""
        assert not any(worker.is_running() for worker in workers)


def test_a_killed_backtest_leaves_no_process_behind(
    service: psycopg.Connection, service_env: dict[str, str], candidate: str
) -> None:
    """The worker processes exit by themselves."""
    some_accounts(service, 3)
    words = ("backtest", "--ruleset", candidate, "--processes", "2")
    with Command(*words, env=service_env) as command:
        workers = suspended_workers(command)
        os.kill(command.pid, signal.SIGKILL)
        for worker in workers:
            worker.resume()
        wait_until(lambda: not any(map(alive, workers)), message="its processes to end")


def test_a_backtest_whose_process_is_killed_fails_with_the_reason(
    service: psycopg.Connection, service_env: dict[str, str], candidate: str
) -> None:
    """The kernel kills a process if memory runs out."""
    some_accounts(service, 3)
    words = ("backtest", "--ruleset", candidate, "--processes", "2")
    with Command(*words, env=service_env) as command:
        workers = suspended_workers(command)
        workers[0].kill()
        assert command.wait(10) == 1
        assert "A backtest process ended. It was killed" in " ".join(command.stderr.split())
        assert "Traceback" not in command.stderr
        assert not any(worker.is_running() for worker in workers)
