"""The HTTP rules of the payments service, while the platform does not respond."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import httpx
import pytest

from harness.bank import Bank, new_payment
from harness.web import WebUser
from txbank.payments.known_accounts import wait_for_account


def known_account(
    bank: Bank, account_id: str | None = None, *, days: int = 365, currency: str = "EUR"
) -> str:
    """Let payments know an account that was opened some days ago, and return its id."""
    account_id = account_id or f"acc-{uuid4()}"
    with bank.connect("payments") as connection:
        connection.execute(
            "INSERT INTO known_accounts VALUES (%s, %s, %s)",
            (account_id, currency, datetime.now(UTC) - timedelta(days=days)),
        )
    return account_id


def test_a_payment_polls_for_an_opening_just_made_until_it_is_known(
    bank: Bank, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []

    def arrive(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 2:
            known_account(bank, account_id)

    monkeypatch.setattr("txbank.payments.known_accounts.time.sleep", arrive)
    with closing(bank.database("payments")) as database:
        database.open()
        wait_for_account(database, account_id)
    assert len(pauses) == 2


def submitted(payments: httpx.Client, account_id: str, **other: Any) -> dict[str, Any]:
    """Submit a payment and return it."""
    response = payments.post("/v1/payments", json=new_payment(account_id, **other))
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_small_payment_is_accepted_by_its_amount_and_says_so(
    bank: Bank, payments: httpx.Client
) -> None:
    account_id = known_account(bank)
    payment = submitted(payments, account_id, amount=50_000)
    assert (payment["state"], payment["reason"]) == ("accepted", None)
    assert payment["balance_check"] == "fallback"
    ((topic, body),) = bank.outbox("payments", account_id)
    assert topic == "payments.payment-submitted.v1"
    assert body == {
        "payment_id": payment["payment_id"],
        "account_id": account_id,
        "amount": 50_000,
        "currency": "EUR",
        "submitted_at": payment["submitted_at"],
    }


def test_a_larger_payment_is_held_and_not_told(bank: Bank, payments: httpx.Client) -> None:
    account_id = known_account(bank)
    payment = submitted(payments, account_id, amount=50_001)
    assert (payment["state"], payment["reason"]) == ("held", "balance_unknown")
    assert bank.outbox("payments", account_id) == []


def test_a_payment_of_an_account_that_is_not_known_yet_is_held(payments: httpx.Client) -> None:
    payment = submitted(payments, f"acc-{uuid4()}")
    assert (payment["state"], payment["reason"]) == ("held", "account_unknown")


def test_a_bank_account_is_shown_by_its_last_four_characters(
    bank: Bank, payments: httpx.Client
) -> None:
    payment = submitted(payments, known_account(bank))
    assert payment["bank_account"] == "…3000"


def test_a_released_payment_is_told_once(bank: Bank, payments: httpx.Client) -> None:
    account_id = known_account(bank)
    payment = submitted(payments, account_id, amount=50_001)
    path = f"/v1/payments/{payment['payment_id']}"
    release = {"reason": "Known to us."}
    first = payments.post(f"{path}/release", json=release)
    assert first.json() == {
        **payment,
        "state": "accepted",
        "reason": "Known to us.",
        "changed_at": first.json()["changed_at"],
    }
    again = payments.post(f"{path}/release", json=release)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    topics = [topic for topic, _ in bank.outbox("payments", account_id)]
    assert topics == ["payments.payment-submitted.v1"]


def test_a_refused_payment_is_never_told(bank: Bank, payments: httpx.Client) -> None:
    account_id = known_account(bank)
    payment = submitted(payments, account_id, amount=50_001)
    path = f"/v1/payments/{payment['payment_id']}"
    refusal = {"reason": "Suspicious."}
    assert payments.post(f"{path}/refuse", json=refusal).json()["state"] == "refused"
    response = payments.post(f"{path}/release", json=refusal)
    assert (response.status_code, response.json()["type"]) == (409, "/problems/not-allowed")
    assert bank.outbox("payments", account_id) == []


def test_a_bounced_payment_is_told_with_the_amount_and_the_meaning_of_its_code(
    bank: Bank, payments: httpx.Client
) -> None:
    account_id = known_account(bank)
    payment = submitted(payments, account_id)
    path = f"/v1/payments/{payment['payment_id']}"
    returned = payments.post(f"{path}/return", json={"reason": "AC04"})
    assert (returned.json()["state"], returned.json()["reason"]) == ("returned", "AC04")
    again = payments.post(f"{path}/return", json={"reason": "AC04"})
    assert again.json() == returned.json()
    other = payments.post(f"{path}/return", json={"reason": "AM04"})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/not-allowed")
    _, (topic, body) = bank.outbox("payments", account_id)
    assert topic == "payments.payment-returned.v1"
    assert body == {
        "payment_id": payment["payment_id"],
        "account_id": account_id,
        "amount": 5_000,
        "currency": "EUR",
        "reason": "AC04 account closed",
        "returned_at": returned.json()["changed_at"],
    }


def test_a_held_payment_cannot_bounce(bank: Bank, payments: httpx.Client) -> None:
    payment = submitted(payments, known_account(bank), amount=50_001)
    path = f"/v1/payments/{payment['payment_id']}/return"
    response = payments.post(path, json={"reason": "AC04"})
    assert (response.status_code, response.json()["type"]) == (409, "/problems/not-allowed")


def test_a_bounced_payment_raises_the_risk_of_the_next_ones(
    bank: Bank, payments: httpx.Client
) -> None:
    account_id = known_account(bank)
    for number in range(3):
        payment = submitted(payments, account_id)
        assert payment["state"] == "accepted"
        path = f"/v1/payments/{payment['payment_id']}/return"
        assert payments.post(path, json={"reason": "AM04"}).status_code == 200
        larger = submitted(payments, account_id, amount=50_001)
        expected = ("held", "earlier_return") if number < 2 else ("refused", "too_many_returns")
        assert (larger["state"], larger["reason"]) == expected
    assert submitted(payments, account_id)["state"] == "refused"
    assert submitted(payments, known_account(bank))["state"] == "accepted"


def test_a_repeated_payment_gets_the_first_response_even_after_it_bounced(
    bank: Bank, payments: httpx.Client
) -> None:
    account_id = known_account(bank)
    wanted = new_payment(account_id)
    first = payments.post("/v1/payments", json=wanted)
    path = f"/v1/payments/{wanted['payment_id']}"
    assert payments.post(f"{path}/return", json={"reason": "AM04"}).status_code == 200
    again = payments.post("/v1/payments", json=wanted)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    states = [each["state"] for each in payments.get(path).json()["states"]]
    assert states == ["returned", "accepted"]


@pytest.mark.parametrize("other", [{"amount": 1}, {"bank_account": "12345678"}])
def test_a_payment_id_that_is_used_with_other_content_is_a_conflict(
    bank: Bank, payments: httpx.Client, other: dict[str, Any]
) -> None:
    account_id = known_account(bank)
    payment = submitted(payments, account_id)
    wanted = new_payment(account_id, payment["payment_id"], **other)
    response = payments.post("/v1/payments", json=wanted)
    assert (response.status_code, response.json()["type"]) == (409, "/problems/id-reused")
    assert [each["pointer"] for each in response.json()["errors"]] == [f"/{next(iter(other))}"]


def test_simultaneous_copies_of_a_payment_are_one_payment(
    bank: Bank, payments: httpx.Client
) -> None:
    account_id = known_account(bank)
    wanted = new_payment(account_id)
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: payments.post("/v1/payments", json=wanted), range(16)))
    assert sorted(each.status_code for each in responses) == [200] * 15 + [201]
    assert len(bank.outbox("payments", account_id)) == 1


@pytest.mark.parametrize(
    ("other", "type_", "pointer"),
    [
        ({"currency": "USD"}, "currency-not-taken", "/currency"),
        ({"currency": "SEK"}, "currency-not-taken", "/currency"),
        ({"amount": 0}, "validation", "/amount"),
        ({"amount": "1"}, "validation", "/amount"),
        ({"amount": 10**15}, "validation", "/amount"),
        ({"bank_account": "DE89370400440532013001"}, "validation", "/bank_account"),
        ({"bank_account": "<b>1234</b>"}, "validation", "/bank_account"),
        ({"payment_id": "a\tb"}, "validation", "/payment_id"),
        ({"metadata": {}}, "validation", "/metadata"),
    ],
)
def test_a_payment_with_an_invalid_field_names_the_field_and_is_not_taken(
    bank: Bank, payments: httpx.Client, other: dict[str, Any], type_: str, pointer: str
) -> None:
    account_id = known_account(bank)
    response = payments.post("/v1/payments", json={**new_payment(account_id), **other})
    assert (response.status_code, response.json()["type"]) == (422, f"/problems/{type_}")
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]
    assert payments.get("/v1/payments", params={"account_id": account_id}).json()["items"] == []


@pytest.mark.parametrize("reason", ["ac04", "AC4", "account closed", ""])
def test_a_return_needs_an_iso_code(bank: Bank, payments: httpx.Client, reason: str) -> None:
    payment = submitted(payments, known_account(bank))
    path = f"/v1/payments/{payment['payment_id']}"
    assert payments.post(f"{path}/return", json={"reason": reason}).status_code == 422
    assert payments.get(path).json()["state"] == "accepted"


def test_an_unknown_payment_is_not_found(payments: httpx.Client) -> None:
    responses = [
        payments.get("/v1/payments/none"),
        payments.post("/v1/payments/none/release", json={"reason": "A."}),
        payments.post("/v1/payments/none/return", json={"reason": "AC04"}),
    ]
    assert {each.json()["type"] for each in responses} == {"/problems/payment-not-found"}


def test_lists_are_newest_first_page_by_page_and_by_state(
    bank: Bank, payments: httpx.Client
) -> None:
    account_id = known_account(bank)
    amounts = [1, 50_001, 2, 50_002, 3]
    for amount in amounts:
        submitted(payments, account_id, amount=amount)
    found, cursor = list[int](), None
    while True:
        page = payments.get(
            "/v1/payments",
            params={"account_id": account_id, "limit": 2, **({"cursor": cursor} if cursor else {})},
        ).json()
        found += [each["amount"] for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == amounts[::-1]
    held = payments.get("/v1/payments", params={"account_id": account_id, "state": "held"}).json()
    assert [each["amount"] for each in held["items"]] == [50_002, 50_001]
    first = payments.get("/v1/payments", params={"account_id": account_id, "limit": 1}).json()
    for filters in ({"account_id": "other"}, {"account_id": account_id, "state": "held"}, {}):
        query = {**filters, "cursor": first["next_cursor"]}
        wrong = payments.get("/v1/payments", params=query)
        assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/invalid-cursor")


@pytest.mark.parametrize(
    "begin", ["2026/11/INV 0042-", "(a+b)?c=d&e#", "x%2F", "a//b/../", "/release", "ü,'", "..", "-"]
)
def test_every_id_that_the_platform_takes_can_be_a_payment(
    bank: Bank, payments: httpx.Client, begin: str
) -> None:
    payment_id = f"{begin}{uuid4()}"
    held = submitted(payments, known_account(bank), payment_id=payment_id, amount=50_001)
    path = f"/v1/payments/{quote(payment_id, safe='')}"
    assert payments.get(path).json()["payment_id"] == payment_id == held["payment_id"]
    released = payments.post(f"{path}/release", json={"reason": "Known to us."})
    assert (released.status_code, released.json()["state"]) == (200, "accepted")


@pytest.mark.parametrize("payment_id", ["", " ", ".", "..", "a\x00b", "a\nb", "x" * 65])
def test_another_text_is_no_id_of_a_payment(payments: httpx.Client, payment_id: str) -> None:
    response = payments.post(
        "/v1/payments", json=new_payment("acc", None) | {"payment_id": payment_id}
    )
    assert (response.status_code, response.json()["type"]) == (422, "/problems/validation")
    assert [each["pointer"] for each in response.json()["errors"]] == ["/payment_id"]


def test_staff_release_a_payment_whatever_its_id_is(
    bank: Bank, payments: httpx.Client, staff: WebUser
) -> None:
    payment_id = f"a//b/../c?d%#{uuid4()}"
    submitted(payments, known_account(bank), payment_id=payment_id, amount=50_001)
    actions = re.findall(r'formaction="([^"]+)"', staff.client.get("/staff/payments").text)
    (release,) = [each for each in actions if unquote(each).endswith(f"{payment_id}/release")]
    assert staff.client.post(release, data={"reason": "Known to us."}).status_code == 303
    path = f"/v1/payments/{quote(payment_id, safe='')}"
    assert payments.get(path).json()["state"] == "accepted"
