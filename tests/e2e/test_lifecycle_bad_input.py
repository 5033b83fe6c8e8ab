"""Invalid input to the lifecycle endpoints gets the right problem, and nothing is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness.api import RunningApi, balance, count_events, create_key, open_account, purchase

CARD = "4111111111111111"
TX = "/v1/accounts/held/transactions/tx"
MERCHANT = purchase("", "", 1)["merchant"]
GOOD: dict[str, dict[str, Any]] = {
    f"{TX}/increments": {"increment_id": "x", "amount": 1},
    f"{TX}/clearings": {
        "clearing_id": "x",
        "amount": 1,
        "currency": "USD",
        "final": True,
        "direction": "debit",
        "reverses_clearing_id": None,
        "occurred_at": "2026-11-20T10:15:00Z",
    },
    f"{TX}/reversals": {"reversal_id": "x", "amount": 1},
    "/v1/accounts/held/refunds": {
        "refund_id": "x",
        "amount": 1,
        "currency": "USD",
        "merchant": MERCHANT,
        "transaction_id": "tx",
    },
    "/v1/accounts/held/status": {"status_id": "x", "status": "frozen", "reason": "Lost."},
}
REQUESTS = (f"{TX}/increments", "/v1/accounts/held/status")
"""The calls whose fields are all checked. The others are advices."""

WRONG: dict[str, list[Any]] = {
    "increment_id": [None, "", "  ", 7, "x" * 65, "a\x07b", "a\n", CARD, f"inc-{CARD}"],
    "clearing_id": [None, "", 7, "x" * 65, "zero\u200bwidth"],
    "reversal_id": [None, "", 7],
    "refund_id": [None, "", 7],
    "status_id": [None, "", 7, CARD],
    "reverses_clearing_id": ["", 7, "x" * 65],
    "direction": ["DEBIT", "both", 1],
    "amount": [0, -1, 1.5, "1", True, 10**15, 2**64, []],
    "currency": [None, "usd", "XXX", "US", 840],
    "final": ["true", 1, 0],
    "status": [None, "open", "Frozen", 1, ""],
    "reason": [None, "", "  ", "x" * 201, "a\x00b", 7, f"Card {CARD}"],
    "fee": [1, None],
}
ROWS = [
    (path, {**good, name: value})
    for path, good in GOOD.items()
    for name, values in WRONG.items()
    if name in good or name == "fee"
    for value in values
    # A final clearing of 0 ends its hold.
    if (path, name, value) != (f"{TX}/clearings", "amount", 0) or value is False
]
ROWS += [
    (path, {key: value for key, value in good.items() if key != name})
    for path, good in GOOD.items()
    for name in good
    if name.endswith("_id") or name in {"amount", "currency", "status", "reason"}
    if (path, name) != (f"{TX}/reversals", "amount")
    if name not in {"transaction_id", "reverses_clearing_id"}
]


@pytest.fixture(autouse=True)
def _nothing_is_recorded(api: RunningApi) -> Iterator[None]:
    """Check that the requests changed neither the account nor the log."""
    open_account(api.client, "held", 1000)
    api.client.post("/v1/process-transaction", json=purchase("tx", "held", 10))
    before = count_events(api)
    yield
    assert balance(api.client, "held")["account_version"] == 2
    assert count_events(api) == before


def check(answer: httpx.Response, status: int, kind: str) -> None:
    """Check that the response is this problem and repeats no card number."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "application/problem+json",
    ), answer.text
    assert answer.json()["type"] == f"/problems/{kind}"
    assert CARD not in answer.text


@pytest.mark.parametrize(("path", "body"), ROWS, ids=str)
def test_an_invalid_field_is_422(api: RunningApi, path: str, body: dict[str, Any]) -> None:
    answer = api.client.post(
        path, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    check(answer, 422, "validation")
    assert all(error["pointer"][:1] in ("", "/") for error in answer.json()["errors"])


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("body", [b"", b"{", b'{"amount": NaN}', b'{"a": 1, "a": 2}', b"\xff"])
def test_a_body_that_is_not_json_is_400(api: RunningApi, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    check(api.client.post(path, content=body, headers=headers), 400, "not-json")


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        (path, body, wrong)
        for path, body in GOOD.items()
        for wrong in (CARD, "a%20b", "x" * 65)
        if wrong != CARD or path in REQUESTS
    ],
)
def test_an_id_in_the_path_is_checked_too(
    api: RunningApi, path: str, body: dict[str, Any], wrong: str
) -> None:
    """The path of an advice may have an id that looks like a card number."""
    check(api.client.post(path.replace("/held/", f"/{wrong}/"), json=body), 422, "validation")
    if path.startswith(TX):
        check(api.client.post(path.replace("/tx/", f"/{wrong}/"), json=body), 422, "validation")


@pytest.mark.parametrize(("path", "body"), [*GOOD.items(), ("/v1/clearings", {"items": [1]})])
def test_each_endpoint_needs_its_scope(api: RunningApi, path: str, body: dict[str, Any]) -> None:
    wrong = "transactions:write" if path.endswith("/status") else "accounts:write"
    headers = {"Authorization": f"Bearer {create_key(api.env, wrong)}"}
    check(api.client.post(path, json=body, headers=headers), 403, "forbidden")
    check(httpx.post(api.url + path, json=body), 401, "unauthenticated")


@pytest.mark.parametrize("path", [*GOOD, "/v1/clearings"])
def test_other_methods_and_media_types_are_refused(api: RunningApi, path: str) -> None:
    check(api.client.put(path, json={}), 405, "method-not-allowed")
    headers = {"Content-Type": "text/plain"}
    check(api.client.post(path, content=b"{}", headers=headers), 415, "unsupported-media-type")
