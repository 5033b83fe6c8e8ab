"""A presentment over both HTTP and Kafka has one effect, whichever arrives first."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from harness.api import RunningApi, balance, open_account, purchase
from harness.inbound import TIME, Sender, consuming, inbox, settings_for, wait_for_messages
from harness.postgres import TestDatabase

PRESENTED = "settlement.presentment-received.v1"
MERCHANT = purchase("", "", 1)["merchant"]


def presented(direction: str, amount: int, account_id: str) -> dict[str, Any]:
    """Return a presentment from the network."""
    return {
        "clearing_id": "c",
        "account_id": account_id,
        "transaction_id": "tx",
        "direction": direction,
        "amount": amount,
        "currency": "USD",
        "merchant": MERCHANT,
        "original_amount": 90,
        "original_currency": "EUR",
        "presented_at": TIME,
    }


def posted_over_http(
    api: RunningApi, direction: str, amount: int, account_id: str
) -> httpx.Response:
    """Post the same presentment over HTTP, with fewer describing fields."""
    body = {"clearing_id": "c", "direction": direction, "amount": amount, "currency": "USD"}
    return api.client.post(f"/v1/accounts/{account_id}/transactions/tx/clearings", json=body)


@pytest.mark.parametrize(
    ("account_id", "http_first", "direction"),
    [
        ("acc-1", True, "debit"),
        pytest.param("not-opened-yet", False, "credit", marks=pytest.mark.long),
        pytest.param("acc-1", True, "credit", marks=pytest.mark.long),
        pytest.param("acc-1", False, "debit", marks=pytest.mark.long),
        pytest.param("acc-1", False, "credit", marks=pytest.mark.long),
        pytest.param("not-opened-yet", True, "debit", marks=pytest.mark.long),
        pytest.param("not-opened-yet", True, "credit", marks=pytest.mark.long),
        pytest.param("not-opened-yet", False, "debit", marks=pytest.mark.long),
    ],
)
def test_i3_a_clearing_over_http_and_kafka_has_one_effect(  # noqa: PLR0913  # a table
    own_api: RunningApi,
    database: TestDatabase,
    topics: str,
    direction: str,
    http_first: bool,  # noqa: FBT001  # one of a table's columns
    account_id: str,
) -> None:
    open_account(own_api.client, "acc-1", 10_000)
    asked = purchase("tx", "acc-1", 1000)
    own_api.client.post("/v1/process-transaction", json=asked)
    sender = Sender(topics)
    if http_first:
        answer = posted_over_http(own_api, direction, 100, account_id)
        assert "Idempotency-Replayed" not in answer.headers
    with consuming(settings_for(database, topics)):
        for amount in (100, 101):
            sender.send(PRESENTED, presented(direction, amount, account_id))
        sender.flush()
        wait_for_messages(database, 2)
    first = "waiting" if account_id != "acc-1" else "applied"
    statuses = [message.status.value for message in inbox(database)]
    assert statuses == ["duplicate" if http_first else first, "parked"]
    again = posted_over_http(own_api, direction, 100, account_id)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["status"] == first
    if not http_first:
        assert {*again.json()["differing_fields"]} == {
            *("merchant", "original_amount", "original_currency", "presented_at")
        }
    other = posted_over_http(own_api, direction, 101, account_id)
    assert (other.status_code, other.json()["type"]) == (409, "/problems/id-reused")
    assert [error["pointer"] for error in other.json()["errors"]] == ["/amount"]
    open_account(own_api.client, account_id, 10_000)
    assert balance(own_api.client, account_id)["posted"] == (100 if direction == "debit" else -100)
