"""An account's own rules over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from harness.api import RunningApi, create_key, open_account, purchase
from harness.postgres import TestDatabase
from txplatform.audit.verify import verify
from txplatform.database import Database

NO_BOOKS = [{"rule": "category_deny", "categories": ["5942"]}]


@pytest.fixture
def path(api: RunningApi, account_id: str) -> str:
    """Open an account with a limit of 1,000; return the path of its controls."""
    open_account(api.client, account_id, 1000)
    return f"/v1/accounts/{account_id}/controls"


def put(
    client: httpx.Client, path: str, controls_id: str, rules: Any, **other: Any
) -> httpx.Response:
    """Set the account's rules."""
    body = {"controls_id": controls_id, "rules": rules, "reason": "Asked for.", **other}
    return client.put(path, json=body)


def decision(client: httpx.Client, transaction_id: str) -> dict[str, Any]:
    """Decide a purchase at the bookshop."""
    asked = purchase(transaction_id, "acc", 10)
    answer: dict[str, Any] = client.post("/v1/process-transaction", json=asked).json()
    return answer


def test_controls_are_set_read_and_removed(own_api: RunningApi, database: TestDatabase) -> None:
    """They have taken effect when the response arrives, and `verify` repeats every decision."""
    client, path = own_api.client, "/v1/accounts/acc/controls"
    open_account(client, "acc", 1000)
    assert client.get(path).json()["rules"] == []
    was_set = put(client, path, "c1", NO_BOOKS)
    assert was_set.status_code == 200, was_set.text
    assert was_set.json()["rules"] == NO_BOOKS
    read = client.get(path)
    assert (read.json()["rules"], read.headers["ETag"]) == (NO_BOOKS, 'W/"2"')
    declined = decision(client, "t1")
    assert [each["code"] for each in declined["reasons"]] == ["merchant_category_not_allowed"]
    dry = client.post("/v1/process-transaction?dry_run=true", json=purchase("t", "acc", 1)).json()
    assert dry["decision"] == "declined"
    assert put(client, path, "c2", []).status_code == 200
    assert decision(client, "t2")["decision"] == "approved"

    copy = put(client, path, "c1", NO_BOOKS)
    assert (copy.json(), copy.headers["Idempotency-Replayed"]) == (was_set.json(), "true")
    assert client.get(path).json()["rules"] == []
    other = put(client, path, "c1", [])
    assert (other.status_code, other.json()["type"]) == (409, "/problems/id-reused")
    result = verify(Database(database.service_url))
    assert result.passed, result.differences.kept
    assert result.compared["re-evaluated decisions"] == 2


def test_controls_apply_to_one_account(api: RunningApi, path: str) -> None:
    """An account that is not open has no controls."""
    open_account(api.client, "other", 1000)
    put(api.client, path, "c1", NO_BOOKS)
    asked = purchase("t1", "other", 10)
    assert api.client.post("/v1/process-transaction", json=asked).json()["decision"] == "approved"
    unknown = api.client.get("/v1/accounts/nobody/controls")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/account-not-found")


def test_invalid_controls_are_named_and_change_nothing(api: RunningApi, path: str) -> None:
    wrong = [
        (put(api.client, path, "c1", [{"rule": "amount_limit"}]), "/rules/0/max_amount"),
        (put(api.client, path, "c1", [{"rule": "nonsense"}]), "/rules/0/rule"),
        (put(api.client, path, "c1", [*NO_BOOKS, *NO_BOOKS]), "/rules/1"),
        (put(api.client, path, "c1", "none"), "/rules"),
        (put(api.client, path, "c1", ["none"]), "/rules/0"),
        (put(api.client, path, "c1", [], reason=""), "/reason"),
        (put(api.client, path, "c 1", []), "/controls_id"),
        (put(api.client, path, "c1", [], surprise=1), "/surprise"),
    ]
    for answer, pointer in wrong:
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/validation"), (
            answer.text
        )
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert api.client.get(path).json()["account_version"] == 1


def test_controls_need_the_scopes_of_accounts(api: RunningApi, path: str) -> None:
    """A key that may decide purchases may not change the rules."""
    key = create_key(api.env, "transactions:write", "rules:write", "accounts:read")
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=api.url, headers=headers) as client:
        assert client.get(path).status_code == 200
        assert put(client, path, "c1", NO_BOOKS).status_code == 403
