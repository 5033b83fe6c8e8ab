"""Openings with a balance, currencies, and the header Idempotency-Key."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from harness.api import RunningApi, balance, create_key, open_account, purchase

OPENING: dict[str, Any] = {"currency": "EUR", "credit_limit": 100_000}


def opened(api: RunningApi, account_id: str, **fields: Any) -> httpx.Response:
    """Open an account in EUR."""
    return api.client.post("/v1/accounts", json={"account_id": account_id, **OPENING, **fields})


@pytest.mark.parametrize("owed", [19_400, -19_400, 200_000])
def test_an_account_is_opened_with_what_it_owes(
    api: RunningApi, account_id: str, owed: int
) -> None:
    answer = opened(api, account_id, opening_balance=owed)
    assert (answer.status_code, answer.json()["posted"]) == (201, owed)
    found = balance(api.client, account_id)
    assert (found["posted"], found["available"]) == (owed, 100_000 - owed)


@pytest.mark.parametrize("absent", [{}, {"opening_balance": None}, {"opening_balance": 0.0}])
def test_an_absent_opening_balance_equals_0(
    api: RunningApi, account_id: str, absent: dict[str, Any]
) -> None:
    assert opened(api, account_id, opening_balance=0).status_code == 201
    repeated = opened(api, account_id, **absent)
    assert (repeated.status_code, repeated.headers["Idempotency-Replayed"]) == (200, "true")
    other = opened(api, account_id, opening_balance=1)
    assert (other.status_code, other.json()["type"]) == (409, "/problems/id-reused")


def test_an_opening_balance_beyond_the_range_is_refused(api: RunningApi, account_id: str) -> None:
    answer = opened(api, account_id, opening_balance=8_000_000_000_000_001)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/balance-out-of-range")
    assert opened(api, account_id, opening_balance=-8_000_000_000_000_000).status_code == 201


def test_a_fraction_is_refused_with_an_example_in_the_requests_currency(
    api: RunningApi, account_id: str
) -> None:
    """ "Must be a whole number" alone made people send 12 for 12.50."""
    answer = opened(api, account_id, credit_limit=12.5, opening_balance="1.50")
    assert {
        error["pointer"]: error["message"] for error in answer.json()["errors"]
    } == dict.fromkeys(
        ("/credit_limit", "/opening_balance"),
        "must be a whole number of minor units: 12.50 EUR is 1250",
    )


@pytest.mark.parametrize("written", ["1250.0", "1.25e3", "125000E-2"])
def test_an_amount_with_a_zero_fraction_is_an_integer(
    api: RunningApi, account_id: str, written: str
) -> None:
    open_account(api.client, account_id, 500_000)
    body = httpx.Request("POST", "/", json=purchase("t", account_id, 987_654)).content
    answer = api.client.post(
        "/v1/process-transaction",
        content=body.replace(b"987654", written.encode()),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["amount"]) == (200, 1250)
    repeated = api.client.post("/v1/process-transaction", json=purchase("t", account_id, 1250))
    assert repeated.headers["Idempotency-Replayed"] == "true"


def test_the_currencies_are_listed_for_any_key(api: RunningApi) -> None:
    key = create_key(api.env, "audit:read")
    answer = httpx.get(f"{api.url}/v1/currencies", headers={"Authorization": f"Bearer {key}"})
    found = {each["code"]: each for each in answer.json()["items"]}
    assert found["JPY"] == {"code": "JPY", "exponent": 0, "name": "Yen"}
    assert found["EUR"]["exponent"] == 2
    assert answer.json()["next_cursor"] is None
    assert httpx.get(f"{api.url}/v1/currencies").status_code == 401


@pytest.mark.parametrize(("header", "status"), [("t", 200), ('"t"', 200), ("u", 400), ("", 400)])
def test_an_idempotency_key_must_be_the_id_of_the_purchase(
    api: RunningApi, account_id: str, header: str, status: int
) -> None:
    open_account(api.client, account_id, 500_000)
    answer = api.client.post(
        "/v1/process-transaction",
        json=purchase("t", account_id, 1),
        headers={"Idempotency-Key": header},
    )
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["type"] == "/problems/idempotency-key-mismatch"
        assert balance(api.client, account_id)["account_version"] == 1


def test_an_idempotency_key_must_be_the_id_of_any_other_request(
    api: RunningApi, account_id: str
) -> None:
    open_account(api.client, account_id, 500_000)
    requests: list[tuple[str, dict[str, Any], str]] = [
        ("/v1/accounts", {"account_id": f"{account_id}-2", **OPENING}, f"{account_id}-2"),
        (
            f"/v1/accounts/{account_id}/status",
            {"status_id": "s", "status": "active", "reason": "Found."},
            "s",
        ),
        (
            f"/v1/accounts/{account_id}/refunds",
            {"refund_id": "r", "amount": 1, "currency": "USD"},
            "r",
        ),
        (
            f"/v1/accounts/{account_id}/transactions/t/clearings",
            {"clearing_id": "c", "amount": 1, "currency": "USD"},
            "c",
        ),
        (
            "/v1/rulesets",
            {"name": account_id[:40].lower(), "version": 1},
            f"{account_id[:40].lower()}@1",
        ),
    ]
    for path, body, key in requests:
        other = api.client.post(path, json=body, headers={"Idempotency-Key": "other"})
        assert (other.status_code, other.json()["type"]) == (
            400,
            "/problems/idempotency-key-mismatch",
        ), path
        same = api.client.post(path, json=body, headers={"Idempotency-Key": key})
        assert same.is_success, same.text
