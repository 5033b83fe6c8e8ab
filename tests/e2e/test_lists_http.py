"""Every list over HTTP has the same envelope, and belongs to an account that exists."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from harness.api import RunningApi, balance, open_account, purchase

LISTS = ("transactions", "postings", "events")


@pytest.fixture
def account(api: RunningApi, account_id: str) -> str:
    """The path of an account with three purchases, three clearings and a refund."""
    open_account(api.client, account_id, 10_000)
    path = f"/v1/accounts/{account_id}"
    for number in range(3):
        body = purchase(f"t{number}", account_id, 100)
        assert api.client.post("/v1/process-transaction", json=body).status_code == 200
        clearing = {"clearing_id": f"c{number}", "amount": 90 + 10 * number, "currency": "USD"}
        post(api.client, f"{path}/transactions/t{number}/clearings", clearing)
    post(api.client, f"{path}/refunds", {"refund_id": "f", "amount": 40, "currency": "USD"})
    return path


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    """Post an advice that is recorded."""
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text


def walk(client: httpx.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    """Return all pages of a list that ends."""
    pages = [page(client, path, **params)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(page(client, path, **params, cursor=pages[-1]["next_cursor"]))
    return pages


def page(client: httpx.Client, path: str, **params: Any) -> dict[str, Any]:
    """Return one page."""
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_an_account_is_not_found_exactly_if_its_balance_is_not(
    api: RunningApi, account_id: str, name: str
) -> None:
    """A purchase on an account that is not open is recorded, but shows only once it is open."""
    path = f"/v1/accounts/{account_id}"
    early = api.client.post("/v1/process-transaction", json=purchase("early", account_id, 1))
    assert early.json()["decision"] == "declined"
    for each in ("balance", name):
        answer = api.client.get(f"{path}/{each}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/account-not-found")
    open_account(api.client, account_id, 100)
    assert api.client.get(f"{path}/{name}").status_code == 200


def test_postings_add_up_to_the_balance_and_can_be_selected(api: RunningApi, account: str) -> None:
    pages = walk(api.client, f"{account}/postings", limit=2)
    items = [item for each in pages for item in each["items"]]
    assert [(item["kind"], item["amount"], item["business_id"]) for item in items] == [
        ("refund", -40, "f"),
        ("clearing", 110, "c2"),
        ("clearing", 100, "c1"),
        ("clearing", 90, "c0"),
    ]
    now = balance(api.client, account.rpartition("/")[2])
    assert {(each["posted"], each["as_of_version"]) for each in pages} == {
        (sum(item["amount"] for item in items), now["account_version"])
    }
    assert now["posted"] == pages[0]["posted"]
    over = page(api.client, f"{account}/postings", flag="over_hold")["items"]
    assert [item["business_id"] for item in over] == ["c2"]
    since = {"from": items[2]["recorded_at"], "until": items[0]["recorded_at"]}
    between = page(api.client, f"{account}/postings", kind="clearing", **since)["items"]
    assert [item["business_id"] for item in between] == ["c2", "c1"]


def test_transactions_can_be_selected(own_api: RunningApi, account_id: str) -> None:
    """Without a projector the list is empty, and says that it is complete up to position 0."""
    open_account(own_api.client, account_id, 100)
    own_api.client.post("/v1/process-transaction", json=purchase("t", account_id, 1))
    params = {
        "from": "2026-01-01T00:00:00Z",
        "until": "2099-01-01T00:00:00+01:00",
        "state": "held",
        "decision": "approved",
        "flag": "after_expiry",
        "reference": "order 77/1",
    }
    assert page(own_api.client, f"/v1/accounts/{account_id}/transactions", **params) == {
        "items": [],
        "next_cursor": None,
        "as_of_position": 0,
    }


@pytest.mark.parametrize(
    "query",
    [
        "kind=fee",
        "flag=late",
        "from=yesterday",
        "until=2026-11-20T10:15:00",
        "reference=%00",
        "reference=",
        "limit=501",
        "since=2026-11-20T10:15:00Z",
    ],
)
def test_a_filter_that_cannot_be_read_is_named(api: RunningApi, account: str, query: str) -> None:
    answer = api.client.get(f"{account}/postings?{query}")
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "/problems/validation"
    assert [error["pointer"] for error in problem["errors"]] == [f"/{query.partition('=')[0]}"]


def test_a_cursor_used_elsewhere_is_refused(api: RunningApi, account: str) -> None:
    """On another list, on another account, or with other filters."""
    cursors = {
        name: page(api.client, f"{account}/{name}", limit=1)["next_cursor"]
        for name in ("postings", "events")
    }
    cursors["log"] = page(api.client, "/v1/events", limit=1)["next_cursor"]
    cursors["inbox"] = page(api.client, "/v1/inbound-messages")["next_cursor"]
    open_account(api.client, f"{account.rpartition('/')[2]}-other", 1)
    paths = {
        "postings": f"{account}/postings",
        "events": f"{account}/events",
        "log": "/v1/events",
        "inbox": "/v1/inbound-messages",
        "transactions": f"{account}/transactions",
        "rule sets": "/v1/rulesets",
        "other postings": f"{account}-other/postings",
        "other events": f"{account}-other/events",
        "refunds": f"{account}/postings?kind=refund",
        "parked": "/v1/inbound-messages?status=parked",
        "stream": "/v1/events/stream",
    }
    for name, cursor in cursors.items():
        for other, path in paths.items():
            if (name, other) == ("log", "stream"):
                continue  # does not end
            answer = api.client.get(httpx.URL(path).copy_merge_params({"cursor": cursor}))
            if name == other:
                assert answer.status_code == 200
            else:
                assert (answer.status_code, answer.json()["type"]) == (
                    422,
                    "/problems/invalid-cursor",
                ), other


def test_rule_sets_come_in_pages(own_api: RunningApi) -> None:
    for version in range(1, 4):
        body = {"name": "retail", "version": version}
        assert own_api.client.post("/v1/rulesets", json=body).status_code == 201
    pages = walk(own_api.client, "/v1/rulesets", limit=3)
    assert [[each["id"] for each in found["items"]] for found in pages] == [
        ["default@1", "retail@1", "retail@2"],
        ["retail@3"],
    ]
    assert {found["active"] for found in pages} == {"default@1"}
