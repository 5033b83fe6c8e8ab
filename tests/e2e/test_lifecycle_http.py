"""The life of an authorization over HTTP: every endpoint as callers see it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from harness.api import RunningApi, balance, open_account, purchase

MERCHANT = purchase("", "", 1)["merchant"]
NOTHING_SENT: dict[str, Any] = {"differing_fields": [], "reference": None, "metadata": None}


def post(api: RunningApi, path: str, **body: Any) -> httpx.Response:
    """Post this body under /v1/accounts."""
    return api.client.post(f"/v1/accounts/{path}", json=body)


def clear(
    api: RunningApi, account_id: str, clearing_id: str, amount: int, tx: str = "tx", **more: Any
) -> dict[str, Any]:
    """Post a clearing that must succeed."""
    path = f"{account_id}/transactions/{tx}/clearings"
    answer = post(api, path, clearing_id=clearing_id, amount=amount, currency="USD", **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def money(api: RunningApi, account_id: str) -> tuple[int, int]:
    """Return the posted and the pending amount."""
    found = balance(api.client, account_id)
    assert found["available"] == found["credit_limit"] - found["posted"] - found["pending"]
    return found["posted"], found["pending"]


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    """Check that the response has these fields and `event_id`; return it without them."""
    for name in ("event_id", *names):
        assert answer.pop(name)
    return answer


def test_the_response_to_an_increment_is_a_decision(api: RunningApi, held: str) -> None:
    path = f"{held}/transactions/tx/increments"
    answer = post(api, path, increment_id="i", amount=500)
    assert answer.status_code == 200
    assert without(answer.json(), "decided_at", "expires_at") == {
        "increment_id": "i",
        "transaction_id": "tx",
        "account_id": held,
        "decision": "approved",
        "response_code": "00",
        "reasons": [],
        "amount": 500,
        "balance": {"credit_limit": 10_000, "posted": 0, "pending": 1500, "available": 8500},
        "ruleset": "default@1",
        "account_version": 3,
    }
    assert money(api, held) == (0, 1500)


@pytest.mark.parametrize(
    ("tx", "amount", "codes", "response_code"),
    [
        ("tx", 9001, ["insufficient_credit"], "51"),
        ("other", 1, ["no_open_hold"], "12"),
        ("other", 10_000, ["no_open_hold", "insufficient_credit"], "12"),
    ],
)
def test_an_impossible_increment_is_declined_with_every_reason(  # noqa: PLR0913  # a table
    api: RunningApi, held: str, tx: str, amount: int, codes: list[str], response_code: str
) -> None:
    path = f"{held}/transactions/{tx}/increments"
    body = post(api, path, increment_id="i", amount=amount).json()
    assert (body["decision"], body["response_code"]) == ("declined", response_code)
    assert [reason["code"] for reason in body["reasons"]] == codes
    assert money(api, held) == (0, 1000)


def test_an_increment_without_an_account_is_declined_without_a_balance(
    api: RunningApi, account_id: str
) -> None:
    path = f"{account_id}/transactions/tx/increments"
    body = post(api, path, increment_id="i", amount=1).json()
    assert (body["response_code"], body["balance"]) == ("14", None)


def test_a_clearing_posts_and_releases_the_hold(api: RunningApi, held: str) -> None:
    assert without(clear(api, held, "c", 900), "recorded_at") == {
        "clearing_id": "c",
        "account_id": held,
        "transaction_id": "tx",
        "direction": "debit",
        "reverses_clearing_id": None,
        "amount": 900,
        "currency": "USD",
        "final": True,
        "status": "applied",
        "released": 1000,
        "flags": [],
        **NOTHING_SENT,
        "balance": {"credit_limit": 10_000, "posted": 900, "pending": 0, "available": 9100},
        "account_version": 3,
    }
    assert money(api, held) == (900, 0)


def test_partial_clearings_release_what_they_post(api: RunningApi, held: str) -> None:
    assert clear(api, held, "c1", 300, final=False)["released"] == 300
    assert money(api, held) == (300, 700)
    assert clear(api, held, "c2", 100)["released"] == 700
    assert money(api, held) == (400, 0)


def test_an_unusual_clearing_is_posted_and_flagged(api: RunningApi, held: str) -> None:
    """A clearing is never refused for lack of credit (docs/contracts.md)."""
    assert clear(api, held, "over", 1001)["flags"] == ["over_hold"]
    assert clear(api, held, "again", 1)["flags"] == ["after_final"]
    assert clear(api, held, "none", 20_000, tx="nothing")["flags"] == ["no_authorization"]
    assert money(api, held) == (21_002, 0)


def test_a_clearing_after_the_reversal_is_flagged(api: RunningApi, held: str) -> None:
    assert (
        post(api, f"{held}/transactions/tx/reversals", reversal_id="r").json()["released"] == 1000
    )
    assert clear(api, held, "late", 1000)["flags"] == ["after_reversal"]
    assert money(api, held) == (1000, 0)


def test_an_authorization_after_its_own_clearing_holds_nothing(api: RunningApi, held: str) -> None:
    assert clear(api, held, "c", 9000, tx="late")["flags"] == ["no_authorization"]
    answer = api.client.post("/v1/process-transaction", json=purchase("late", held, 9000))
    assert answer.json()["decision"] == "approved"
    assert money(api, held) == (9000, 1000)


def test_a_reversal_releases_all_or_a_part(api: RunningApi, held: str) -> None:
    path = f"{held}/transactions/tx/reversals"
    part = post(api, path, reversal_id="r1", amount=400)
    assert without(part.json(), "recorded_at") == {
        "reversal_id": "r1",
        "account_id": held,
        "transaction_id": "tx",
        "amount": 400,
        "status": "applied",
        "released": 400,
        "flags": [],
        **NOTHING_SENT,
        "balance": {"credit_limit": 10_000, "posted": 0, "pending": 600, "available": 9400},
        "account_version": 3,
    }
    rest = post(api, path, reversal_id="r2").json()
    assert (rest["amount"], rest["released"]) == (None, 600)
    assert post(api, path, reversal_id="r3").json()["released"] == 0
    assert money(api, held) == (0, 0)


def test_a_reversal_before_its_authorization_leaves_nothing_to_hold(
    api: RunningApi, account_id: str
) -> None:
    body = post(api, f"{account_id}/transactions/tx/reversals", reversal_id="r").json()
    assert (body["released"], body["balance"]) == (0, None)
    open_account(api.client, account_id, 1000)
    answer = api.client.post("/v1/process-transaction", json=purchase("tx", account_id, 10))
    assert answer.json()["decision"] == "approved"
    assert money(api, account_id) == (0, 0)


def test_a_refund_lowers_what_is_owed(api: RunningApi, held: str) -> None:
    clear(api, held, "c", 1000)
    path = f"{held}/refunds"
    asked = {"amount": 600, "currency": "USD", "merchant": MERCHANT, "transaction_id": "tx"}
    assert without(post(api, path, refund_id="c", **asked).json(), "recorded_at") == {
        "refund_id": "c",  # separate from clearing ids
        "account_id": held,
        "transaction_id": "tx",
        "amount": 600,
        "currency": "USD",
        "status": "applied",
        "flags": [],
        **NOTHING_SENT,
        "balance": {"credit_limit": 10_000, "posted": 400, "pending": 0, "available": 9600},
        "account_version": 4,
    }
    assert post(api, path, refund_id="r2", **asked).json()["flags"] == ["over_purchase"]
    alone = post(api, path, refund_id="r3", amount=5, currency="USD").json()
    assert (alone["flags"], alone["transaction_id"]) == ([], None)
    assert money(api, held) == (-205, 0)


REPEATED = {
    "increment": ("transactions/tx/increments", {"increment_id": "x", "amount": 5}),
    "declined increment": ("transactions/no/increments", {"increment_id": "x", "amount": 5}),
    "clearing": (
        "transactions/tx/clearings",
        {"clearing_id": "x", "amount": 5, "currency": "USD"},
    ),
    "reversal": ("transactions/tx/reversals", {"reversal_id": "x", "amount": 5}),
    "refund": ("refunds", {"refund_id": "x", "amount": 5, "currency": "USD"}),
}


@pytest.mark.parametrize(("path", "body"), REPEATED.values(), ids=REPEATED.keys())
def test_i4_a_repeated_request_gets_the_same_response_and_has_no_effect(
    api: RunningApi, held: str, path: str, body: dict[str, Any]
) -> None:
    first = post(api, f"{held}/{path}", **body)
    assert "Idempotency-Replayed" not in first.headers
    after = balance(api.client, held)["account_version"]
    again = post(api, f"{held}/{path}", **body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.content) == (200, first.content)
    other = post(api, f"{held}/{path}", **{**body, "amount": 6})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/id-reused")
    assert balance(api.client, held)["account_version"] == after


@pytest.mark.parametrize(
    "path", [path for path, body in REPEATED.values() if "currency" in body], ids=str
)
def test_another_currency_is_refused_and_is_a_conflict_if_the_id_is_used(
    api: RunningApi, held: str, path: str
) -> None:
    name = "refund_id" if path == "refunds" else "clearing_id"
    asked = {name: "x", "amount": 5, "currency": "EUR"}
    answer = post(api, f"{held}/{path}", **asked)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/currency-mismatch")
    post(api, f"{held}/{path}", **{**asked, "currency": "USD"})
    answer = post(api, f"{held}/{path}", **asked)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/id-reused")
    assert balance(api.client, held)["account_version"] == 3


@pytest.mark.parametrize(
    "path", [path for path, body in REPEATED.values() if "currency" in body], ids=str
)
def test_a_posting_waits_for_its_account_and_is_then_applied(
    api: RunningApi, account_id: str, path: str
) -> None:
    """The first response has the status `waiting`; after the opening, a repeat gets the posting."""
    name, sign = ("refund_id", -1) if path == "refunds" else ("clearing_id", 1)
    asked = {name: "x", "amount": 5, "currency": "USD"}
    first = post(api, f"{account_id}/{path}", **asked)
    assert first.status_code == 200
    assert (first.json()["status"], first.json()["balance"]) == ("waiting", None)
    again = post(api, f"{account_id}/{path}", **asked)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == first.content
    other = post(api, f"{account_id}/{path}", **{**asked, "amount": 6})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/id-reused")
    open_account(api.client, account_id, 1000)
    assert money(api, account_id) == (5 * sign, 0)
    later = post(api, f"{account_id}/{path}", **asked)
    assert later.headers["Idempotency-Replayed"] == "true"
    assert later.json()["status"] == "applied"
    assert later.json()["balance"]["posted"] == 5 * sign


@pytest.mark.parametrize(("status", "response_code"), [("frozen", "62"), ("closed", "46")])
def test_a_frozen_or_closed_account_refuses_purchases_and_increments_only(
    api: RunningApi, held: str, status: str, response_code: str
) -> None:
    """Settlement from the network is still posted."""
    said = {"status_id": "s", "status": status, "reason": "Reported lost."}
    answer = post(api, f"{held}/status", **said)
    assert answer.status_code == 200
    assert without(answer.json(), "recorded_at") == {
        **said,
        "reason_code": None,
        "account_id": held,
        "account_version": 3,
    }
    assert balance(api.client, held)["status"] == status
    bought = api.client.post("/v1/process-transaction", json=purchase("new", held, 1)).json()
    raised = post(api, f"{held}/transactions/tx/increments", increment_id="i", amount=1).json()
    for decided in (bought, raised):
        assert (decided["decision"], decided["response_code"]) == ("declined", response_code)
        assert [reason["code"] for reason in decided["reasons"]] == [f"account_{status}"]
    clear(api, held, "c", 900, final=False)
    reversal = post(api, f"{held}/transactions/tx/reversals", reversal_id="r").json()
    assert reversal["released"] == 100
    post(api, f"{held}/refunds", refund_id="r", amount=100, currency="USD")
    assert money(api, held) == (800, 0)


def test_an_operator_s_status_is_set_once_under_its_id(api: RunningApi, held: str) -> None:
    frozen = {"status_id": "s1", "status": "frozen", "reason": "Lost."}
    closed = {"status_id": "s2", "status": "closed", "reason": "Moved."}
    answers = [post(api, f"{held}/status", **each) for each in (frozen, closed)]
    for said, first in zip((frozen, closed), answers, strict=True):
        assert "Idempotency-Replayed" not in first.headers
        again = post(api, f"{held}/status", **said)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.content == first.content
    reused = post(api, f"{held}/status", **{**frozen, "reason": "Found."})
    assert (reused.status_code, reused.json()["type"]) == (409, "/problems/id-reused")
    reopened = post(api, f"{held}/status", status_id="s3", status="active", reason="Back.")
    assert (reopened.status_code, reopened.json()["type"]) == (409, "/problems/account-closed")
    assert balance(api.client, held)["status"] == "closed"
