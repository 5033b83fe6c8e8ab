"""`?dry_run=true` gives the response that a purchase would get, and records nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from harness.api import RunningApi, balance, count_events, open_account, purchase

PATH = "/v1/process-transaction"


@pytest.fixture
def account(api: RunningApi, account_id: str) -> str:
    """Open an account with a limit of 1,000."""
    open_account(api.client, account_id, 1000)
    return account_id


def tried(client: httpx.Client, *words: Any, **other: Any) -> dict[str, Any]:
    """Return the response to a dry run."""
    answer = client.post(f"{PATH}?dry_run=true", json=purchase(*words, **other))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_dry_run_gives_the_response_that_the_purchase_then_gets_and_records_nothing(
    api: RunningApi,
    account: str,
) -> None:
    """Only the fields of a recorded event differ, for an approval and for a decline."""
    client = api.client
    for name, amount, decision in (("small", 400, "approved"), ("large", 601, "declined")):
        before = balance(client, account), count_events(api)
        dry = tried(client, name, account, amount)
        after = balance(client, account), count_events(api)
        assert (before[0]["available"], before[1]) == (after[0]["available"], after[1])
        real = client.post(PATH, json=purchase(name, account, amount)).json()
        assert (dry.pop("dry_run"), dry.pop("event_id")) == (True, None)
        assert (dry.pop("kind"), real.pop("kind")) == ("dry_run", "decision")
        assert dry.pop("authorization_code") is None
        assert dry.pop("account_version") == real.pop("account_version") - 1
        for recorded in ("event_id", "authorization_code", "decided_at"):
            real.pop(recorded)
        dry.pop("decided_at")
        assert dry == real
        assert real["decision"] == decision


def test_a_used_id_gets_its_recorded_response(api: RunningApi, account: str) -> None:
    """With other fields the id is rejected, as without a dry run."""
    client = api.client
    stored = client.post(PATH, json=purchase("tx", account, 400)).json()
    again = client.post(f"{PATH}?dry_run=true", json=purchase("tx", account, 400))
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (stored, "true")
    other = client.post(f"{PATH}?dry_run=true", json=purchase("tx", account, 401))
    assert (other.status_code, other.json()["type"]) == (409, "/problems/id-reused")


def test_an_account_that_is_not_open_and_a_late_authorization(
    api: RunningApi, account: str
) -> None:
    """Both get the same response as without a dry run."""
    client = api.client
    unknown = tried(client, "tx", f"not-{account}", 1)
    assert (unknown["reasons"][0]["code"], unknown["balance"]) == ("account_not_found", None)
    assert unknown["account_version"] == 0

    path = f"/v1/accounts/{account}/transactions/late/clearings"
    cleared = client.post(path, json={"clearing_id": "c", "amount": 900, "currency": "USD"})
    assert cleared.status_code == 200, cleared.text
    late = tried(client, "late", account, 1000)
    assert late["decision"] == "approved"
    assert late["balance"]["pending"] == 0
    assert tried(client, "other", account, 101)["decision"] == "declined"


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("dry_run=1", "dry_run"),
        ("dry_run=True", "dry_run"),
        ("dryrun=true", "dryrun"),
        ("dry_run=true&x=1", "x"),
        ("dry_run=true&dry_run=true", "dry_run"),
        ("dry_run", "dry_run"),
        ("x=1", "x"),
    ],
)
def test_a_misspelt_dry_run_records_no_purchase(
    api: RunningApi, account: str, query: str, wrong: str
) -> None:
    before = count_events(api)
    answer = api.client.post(f"{PATH}?{query}", json=purchase("tx", account, 1))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/validation")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{wrong}"]
    assert count_events(api) == before


def test_dry_run_false_decides(api: RunningApi, account: str) -> None:
    """`dry_run=false` means the same as no query."""
    answer = api.client.post(f"{PATH}?dry_run=false", json=purchase("tx", account, 1)).json()
    assert answer["event_id"] is not None
    assert "dry_run" not in answer


def test_a_dry_run_uses_a_new_rule_set_at_once(own_api: RunningApi) -> None:
    """It reads the rule book for each request."""
    client = own_api.client
    open_account(client, "acc", 1000)
    rules = [{"rule": "amount_limit", "max_amount": 100}]
    client.post("/v1/rulesets", json={"name": "small", "version": 1, "rules": rules})
    activation = {"activation_id": "a", "reason": "Try."}
    client.post("/v1/rulesets/small@1/activations", json=activation)
    dry = tried(client, "tx", "acc", 101)
    assert (dry["ruleset"], dry["reasons"][0]["code"]) == ("small@1", "amount_limit_exceeded")
