"""Corrections, completions of zero, flags of reversals and reasons of a freeze, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from harness.api import RunningApi, balance, purchase


def post(api: RunningApi, path: str, **body: Any) -> dict[str, Any]:
    """Post a body under /v1/accounts, and return the response, which must be 200."""
    answer = api.client.post(f"/v1/accounts/{path}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def clear(api: RunningApi, account_id: str, clearing_id: str, **body: Any) -> dict[str, Any]:
    """Post a clearing of purchase `tx`."""
    body = {"clearing_id": clearing_id, "currency": "USD", **body}
    return post(api, f"{account_id}/transactions/tx/clearings", **body)


def money(api: RunningApi, account_id: str) -> tuple[int, int]:
    """Return the posted and the pending amount."""
    found = balance(api.client, account_id)
    return found["posted"], found["pending"]


def state(api: RunningApi, account_id: str) -> str:
    """Return the state of transaction `tx`."""
    found = api.client.get(f"/v1/accounts/{account_id}/transactions/tx").json()
    return str(found["state"])


def test_a_correction_waits_for_its_original(api: RunningApi, held: str) -> None:
    early = clear(api, held, "x", amount=300, direction="credit", reverses_clearing_id="c")
    assert (early["status"], early["direction"], early["balance"]) == ("waiting", "credit", None)
    assert money(api, held) == (0, 1000)
    clear(api, held, "c", amount=300, final=False)
    assert money(api, held) == (0, 700)
    again = clear(api, held, "x", amount=300, direction="credit", reverses_clearing_id="c")
    assert (again["status"], again["reverses_clearing_id"]) == ("applied", "c")


def test_a_correction_in_its_originals_direction_is_refused(api: RunningApi, held: str) -> None:
    clear(api, held, "c", amount=300, final=False)
    answer = api.client.post(
        f"/v1/accounts/{held}/transactions/tx/clearings",
        json={"clearing_id": "x", "amount": 300, "currency": "USD", "reverses_clearing_id": "c"},
    )
    assert (answer.status_code, answer.json()["type"].removeprefix("/problems/")) == (
        422,
        "wrong-direction",
    )
    assert answer.json()["errors"][0]["pointer"] == "/direction"
    assert money(api, held) == (300, 700)


def test_a_completion_of_zero_ends_the_hold(api: RunningApi, held: str) -> None:
    found = clear(api, held, "c", amount=0)
    assert (found["status"], found["amount"], found["released"], found["flags"]) == (
        *("applied", 0, 1000),
        [],
    )
    assert money(api, held) == (0, 0)
    assert state(api, held) == "reversed"


def test_a_reversal_says_why_it_released_less(api: RunningApi, held: str) -> None:
    path = f"{held}/transactions/tx/reversals"
    assert post(api, path, reversal_id="r1", amount=1001)["flags"] == ["over_hold"]
    assert post(api, path, reversal_id="r2")["flags"] == ["after_reversal"]
    unknown = post(api, f"{held}/transactions/later/reversals", reversal_id="r3")
    assert (unknown["released"], unknown["flags"]) == (0, ["no_authorization"])
    shown = api.client.get(f"/v1/accounts/{held}/transactions/tx").json()["events"]
    assert [each["flags"] for each in shown] == [[], ["over_hold"], ["after_reversal"]]


def test_an_approved_increment_says_when_the_hold_expires(api: RunningApi, held: str) -> None:
    path = f"{held}/transactions/tx"
    before = api.client.get(f"/v1/accounts/{path}").json()["expires_at"]
    found = post(api, f"{path}/increments", increment_id="i", amount=1)
    assert found["expires_at"] > before
    assert api.client.get(f"/v1/accounts/{path}").json()["expires_at"] == found["expires_at"]
    declined = post(api, f"{path}/increments", increment_id="j", amount=99_999_999)
    assert (declined["decision"], declined["expires_at"]) == ("declined", None)


@pytest.mark.parametrize(
    ("code", "response_code"),
    [("stolen", "43"), ("lost", "41"), ("suspected_fraud", "59"), ("none", "62"), (None, "62")],
)
def test_a_frozen_account_declines_by_the_reason(
    api: RunningApi, held: str, code: str | None, response_code: str
) -> None:
    body = {"status_id": "s", "status": "frozen", "reason_code": code, "reason": "Told so."}
    found = post(api, f"{held}/status", **body)
    assert found["reason_code"] == (None if code == "none" else code)
    assert post(api, f"{held}/status", **body) == found
    answer = api.client.post("/v1/process-transaction", json=purchase("other", held, 1)).json()
    assert (answer["reasons"][0]["code"], answer["response_code"]) == (
        "account_frozen",
        response_code,
    )


def test_an_unknown_reason_code_is_refused(api: RunningApi, held: str) -> None:
    """A status over HTTP is a request, so every field is checked."""
    body = {"status_id": "s", "status": "frozen", "reason_code": "eaten", "reason": "Told so."}
    answer = api.client.post(f"/v1/accounts/{held}/status", json=body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/reason_code"]


def test_a_declined_purchase_that_clears_keeps_its_state_and_is_flagged(
    api: RunningApi, held: str
) -> None:
    declined = purchase("big", held, 99_999_999)
    assert (
        api.client.post("/v1/process-transaction", json=declined).json()["decision"] == "declined"
    )
    body = {"clearing_id": "c", "amount": 5, "currency": "USD"}
    found = post(api, f"{held}/transactions/big/clearings", **body)
    assert found["flags"] == ["no_authorization"]
    shown = api.client.get(f"/v1/accounts/{held}/transactions/big").json()
    assert (shown["state"], shown["posted"]) == ("declined", 5)


def test_a_batch_posts_an_original_before_its_corrections(api: RunningApi, held: str) -> None:
    """The order of the items does not matter. Corrections of each other wait."""
    common = {"account_id": held, "currency": "USD", "amount": 10}
    items = [
        {**common, "clearing_id": "y", "reverses_clearing_id": "x"},
        {**common, "clearing_id": "x", "reverses_clearing_id": "c", "direction": "credit"},
        {**common, "clearing_id": "c"},
        {**common, "clearing_id": "same", "reverses_clearing_id": "c"},
        {**common, "clearing_id": "one", "reverses_clearing_id": "two"},
        {**common, "clearing_id": "two", "reverses_clearing_id": "one", "direction": "credit"},
    ]
    found = api.client.post("/v1/clearings", json={"items": items}).json()["items"]
    assert [each["result"] for each in found] == [*["clean"] * 3, "bad", *["waiting"] * 2]
    assert money(api, held) == (10, 1000)
