"""`txplatform rulesets`, in the order in which a risk analyst uses it."""

from __future__ import annotations

import json
from getpass import getuser
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from harness.api import open_account, purchase, running_api
from harness.commands import opening
from harness.histories import record
from harness.processes import Command, run_command
from harness.waiting import wait_until
from txplatform.demo.processes import free_port
from txplatform.domain.cause import OperatorCause
from txplatform.rulebook.store import read_book

RETAIL_1 = {
    "name": "retail",
    "version": 1,
    "rules": [{"rule": "amount_limit", "max_amount": 1000}],
}
RETAIL_2 = {
    "name": "retail",
    "version": 2,
    "description": "Tighter",
    "rules": [
        {"rule": "amount_limit", "max_amount": 500},
        {"rule": "cash_like", "max_amount": 900},
    ],
}


@pytest.fixture
def files(tmp_path: Path) -> dict[int, str]:
    """Rule set files, by version."""
    paths = {}
    for ruleset in (RETAIL_1, RETAIL_2):
        path = tmp_path / f"retail-{ruleset['version']}.json"
        path.write_text(json.dumps(ruleset))
        paths[int(str(ruleset["version"]))] = str(path)
    return paths


def rulesets(env: dict[str, str], *words: str, code: int = 0) -> str:
    """Run a command that ends with this exit code; return its output, or its errors."""
    ended, out, err = run_command("rulesets", *words, env=env)
    assert ended == code, err
    return out if code == 0 else err


def test_lint_knows_the_currencies_of_the_accounts(
    service_env: dict[str, str], files: dict[int, str], service: psycopg.Connection
) -> None:
    warning = "rules[0] (amount_limit) has no currency, so 1000 means 10.00 EUR and 1,000 JPY"
    record(service, [opening("a", 100, "EUR")])
    assert warning not in rulesets(service_env, "lint", files[1])
    record(service, [opening("b", 100, "JPY")])
    assert warning in rulesets(service_env, "lint", files[1])


def test_lint_checks_a_file_without_a_database(files: dict[int, str]) -> None:
    env = {"TXPLATFORM_DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
    assert "retail@1: 1 rule, 0 warnings" in rulesets(env, "lint", files[1])


def test_a_rule_set_goes_from_a_file_into_force(
    service_env: dict[str, str], files: dict[int, str], service: psycopg.Connection
) -> None:
    """The commands are lint, add, activate, diff, list and show."""
    assert "rules[1] (cash_like) never refuses what rules[0]" in rulesets(
        service_env, "lint", files[2]
    )
    assert "retail@1 added" in rulesets(service_env, "add", files[1])
    assert "retail@1 already existed" in rulesets(service_env, "add", files[1])
    activated = rulesets(
        service_env, "activate", "retail@1", "--reason", "Go.", "--by", "ann", "--json"
    )
    assert json.loads(activated)["activated_by"] == "ann"
    assert [entry.change.by for entry in read_book(service).entries.values()] == [
        OperatorCause(f"{getuser()} (command line)"),
        OperatorCause("ann"),
    ]
    rulesets(service_env, "add", files[2])
    compared = rulesets(service_env, "diff", "retail@1", files[2])
    assert "Changed amount_limit: max_amount from 1000 to 500." in compared
    said = rulesets(service_env, "activate", "retail@2", "--reason", "Tighter.")
    assert "retail@2 replaces retail@1 in every process within a second" in said
    listed = json.loads(rulesets(service_env, "list", "--json"))
    assert (listed["active"], len(listed["items"])) == ("retail@2", 3)
    assert "active" in rulesets(service_env, "list")
    shown = rulesets(service_env, "show", "retail@1")
    assert "by ann: Go." in shown
    assert "holds end after 7 days" in shown
    assert "in 5542 after 2 days" in shown
    assert "built in: " in rulesets(service_env, "show", "default@1")


def test_a_running_shadow_evaluation_is_not_restarted(
    service_env: dict[str, str], files: dict[int, str]
) -> None:
    """A restart would lose its counts. Another rule set replaces it, and the output says so."""
    for file in files.values():
        rulesets(service_env, "add", file)
    assert "in place of" not in rulesets(service_env, "shadow", "retail@1", "--reason", "Try.")
    again = rulesets(service_env, "shadow", "retail@1", "--reason", "Again.", code=1)
    assert "already evaluated in shadow" in again
    assert "--stop" in again
    other = rulesets(service_env, "shadow", "retail@2", "--reason", "This one.")
    assert "in place of retail@1" in other


def test_wrong_use_and_refusals_say_what_to_do(
    service_env: dict[str, str], files: dict[int, str], tmp_path: Path
) -> None:
    """Wrong usage ends with exit code 2, a refusal with 1."""
    bad = tmp_path / "bad.json"
    bad.write_text('{"name": "retail", "version": 0, "rules": [{"rule": "nonsense"}]}')
    assert "rules[0].rule" in rulesets(service_env, "lint", str(bad), code=2)
    assert "rules[0].rule" in rulesets(service_env, "add", str(bad), code=2)
    assert "cannot be read" in rulesets(service_env, "add", str(tmp_path / "none.json"), code=2)
    assert "no stored rule set" in rulesets(service_env, "diff", files[1], "retail@9", code=2)
    assert "--reason" in rulesets(service_env, "activate", "retail@1", code=2)
    refused = rulesets(service_env, "activate", "retail@9", "--reason", "Go.", code=1)
    assert "There is no rule set with this id." in refused
    assert "Add it first" in refused
    assert "never evaluated in shadow" in rulesets(
        service_env, "disagreements", "default@1", code=1
    )
    assert "--reason is required" in rulesets(service_env, "shadow", "default@1", code=2)
    assert "is not evaluated in shadow" in rulesets(
        service_env, "shadow", "default@1", "--stop", code=1
    )


def test_a_shadow_evaluation_is_started_inspected_and_stopped(
    service_env: dict[str, str], files: dict[int, str]
) -> None:
    """On the command line, over HTTP and in the metrics, with real processes."""
    rulesets(service_env, "add", files[2])
    health = free_port()
    env = {**service_env, "TXPLATFORM_HEALTH_PORT": str(health)}
    with running_api(service_env) as api, Command("project", env=env) as projecting:
        projecting.wait_ready()
        rulesets(service_env, "shadow", "retail@2", "--reason", "Try.")
        open_account(api.client, "acc", 10_000)
        for number in range(10):
            body = purchase(f"t{number}", "acc", 100 * number)
            assert api.client.post("/v1/process-transaction", json=body).status_code == 200

        def found() -> dict[str, Any] | None:
            (shadowing,) = api.client.get("/v1/rulesets/retail@2/shadowings").json()["items"]
            return shadowing if shadowing["judged"] == 10 else None

        shadowing = wait_until(found, message="ten decisions to be judged")
        assert shadowing is not None
        assert (shadowing["newly_declined"], shadowing["newly_approved"]) == (4, 0)

        path = f"/v1/rulesets/retail@2/shadowings/{shadowing['shadowing_id']}/disagreements"
        page = api.client.get(path, params={"limit": 3}).json()
        assert [each["transaction_id"] for each in page["items"]] == ["t9", "t8", "t7"]
        rest = api.client.get(path, params={"limit": 3, "cursor": page["next_cursor"]}).json()
        assert [each["transaction_id"] for each in rest["items"]] == ["t6"]
        assert rest["next_cursor"] is None
        wrong = api.client.get(path, params={"cursor": "?"})
        assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/invalid-cursor")

        metrics = httpx.get(f"http://127.0.0.1:{health}/metrics").text
        assert (
            'txplatform_shadow_decisions_total{outcome="would_decline",ruleset="retail@2"} 4.0'
            in metrics
        )
        words = ("disagreements", "retail@2", "--limit=3")
        listed = json.loads(rulesets(service_env, *words, "--json"))
        assert [each["amount"] for each in listed["items"]] == [900, 800, 700]
        more = rulesets(service_env, *words, "--json", f"--cursor={listed['next_cursor']}")
        assert [each["amount"] for each in json.loads(more)["items"]] == [600]
        assert "amount_limit_exceeded" in rulesets(service_env, "disagreements", "retail@2")
        assert "no longer evaluated in shadow" in rulesets(
            service_env, "shadow", "retail@2", "--stop"
        )
        assert projecting.stop() == 0
    assert "10 judged, 4 newly declined" in rulesets(service_env, "show", "retail@2")


@pytest.mark.long
def test_an_unreadable_rule_set_is_listed_and_can_be_replaced(
    service_env: dict[str, str], files: dict[int, str]
) -> None:
    """A newer version added and activated it."""
    rulesets(service_env, "add", files[1])
    with psycopg.connect(service_env["TXPLATFORM_DATABASE_URL"], autocommit=True) as connection:
        author = {"kind": "operator", "name": "newer"}
        newer = {"name": "retail", "version": 9, "rules": [{"rule": "moon_phase"}]}
        added = {"ruleset": newer, "content_hash": "0" * 64, "by": author}
        activated = {
            "activation_id": "a",
            "ruleset_id": "retail@9",
            "reason": "Moon.",
            "by": author,
            "after_position": 0,
        }
        connection.execute(
            "INSERT INTO ruleset_events (version, event_id, event_key, topic, state) VALUES"
            " (2, 'e2', 'ruleset:retail@9', 'ruleset-added', %s),"
            " (3, 'e3', 'activation:a', 'ruleset-activated', %s)",
            (json.dumps(added).encode(), json.dumps(activated).encode()),
        )
    assert "retail@9" in rulesets(service_env, "list")
    shown = rulesets(service_env, "show", "retail@9", code=1)
    assert "rules[0].rule: is not a rule" in shown
    left = rulesets(service_env, "activate", "retail@1", "--reason", "Back.")
    assert "retail@1 replaces retail@9 in every process within a second" in left
    assert "The differences are unknown" in left
    with running_api(service_env) as api:
        open_account(api.client, "acc", 10_000)
        answer = api.client.post("/v1/process-transaction", json=purchase("t", "acc", 1001))
        assert answer.json()["reasons"][0]["code"] == "amount_limit_exceeded"
