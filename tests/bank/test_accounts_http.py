"""The HTTP rules of the accounts service."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from harness.bank import Bank, new_account


def opened(accounts: httpx.Client, **other: Any) -> str:
    """Open an account and return its id."""
    response = accounts.post("/v1/accounts", json=new_account(**other))
    assert response.status_code == 201, response.text
    return str(response.json()["account_id"])


def test_an_account_is_opened_with_its_limit_and_told_to_others_without_personal_data(
    bank: Bank, accounts: httpx.Client
) -> None:
    wanted = new_account()
    response = accounts.post("/v1/accounts", json=wanted)
    assert response.status_code == 201
    account = response.json()
    assert account.items() >= {**wanted, "status": "active", "limit_version": 0}.items()
    ((topic, body),) = bank.outbox("accounts", account["account_id"])
    assert topic == "accounts.account-opened.v1"
    assert body.pop("opened_at") == account["opened_at"]
    assert body == {
        "account_id": wanted["account_id"],
        "currency": "EUR",
        "credit_limit": 500_000,
    }


def test_an_account_without_an_id_gets_one(accounts: httpx.Client) -> None:
    wanted = {**new_account(), "account_id": None}
    ids = {accounts.post("/v1/accounts", json=wanted).json()["account_id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_repeated_opening_gets_the_first_response_even_after_changes(
    bank: Bank, accounts: httpx.Client
) -> None:
    wanted = new_account()
    first = accounts.post("/v1/accounts", json=wanted)
    path = f"/v1/accounts/{wanted['account_id']}"
    change = {"credit_limit": 1, "reason": "Asked for."}
    assert accounts.put(f"{path}/credit-limit", json=change).status_code == 200
    again = accounts.post("/v1/accounts", json=wanted)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(bank.outbox("accounts", wanted["account_id"])) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"holder": {"name": "Ada", "email": "ada@example.org"}},
        {"product": "classic"},
        {"currency": "USD"},
        {"credit_limit": 1},
    ],
)
def test_an_id_that_is_used_with_other_content_is_a_conflict(
    accounts: httpx.Client, other: dict[str, Any]
) -> None:
    account_id = opened(accounts)
    response = accounts.post("/v1/accounts", json=new_account(account_id, **other))
    assert response.status_code == 409
    assert response.json()["type"] == "/problems/id-reused"
    assert [each["pointer"] for each in response.json()["errors"]] == [f"/{next(iter(other))}"]


def test_simultaneous_openings_of_one_account_open_it_once(
    bank: Bank, accounts: httpx.Client
) -> None:
    wanted = new_account()
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: accounts.post("/v1/accounts", json=wanted), range(16)))
    assert sorted(each.status_code for each in responses) == [200] * 15 + [201]
    assert len(bank.outbox("accounts", wanted["account_id"])) == 1


@pytest.mark.parametrize(
    ("other", "pointer"),
    [
        ({"credit_limit": 5_000_001}, "/credit_limit"),
        ({"product": "classic", "credit_limit": 1_000_001}, "/credit_limit"),
        ({"product": "business", "currency": "JPY"}, "/currency"),
        ({"product": "standard", "currency": "CHF"}, "/currency"),
        ({"currency": "SEK"}, "/currency"),
    ],
)
def test_a_product_refuses_other_currencies_and_higher_limits(
    accounts: httpx.Client, other: dict[str, Any], pointer: str
) -> None:
    wanted = new_account(**other)
    response = accounts.post("/v1/accounts", json=wanted)
    assert (response.status_code, response.json()["type"]) == (422, "/problems/product-rule")
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]
    assert accounts.get(f"/v1/accounts/{wanted['account_id']}").status_code == 404


@pytest.mark.parametrize(
    ("other", "pointer"),
    [
        ({"credit_limit": -1}, "/credit_limit"),
        ({"credit_limit": "100"}, "/credit_limit"),
        ({"credit_limit": True}, "/credit_limit"),
        ({"credit_limit": 1.5}, "/credit_limit"),
        ({"credit_limit": 10**15}, "/credit_limit"),
        ({"product": "platinum"}, "/product"),
        ({"currency": "eur"}, "/currency"),
        ({"account_id": "a/b"}, "/account_id"),
        ({"account_id": ".."}, "/account_id"),
        ({"holder": {"name": " ", "email": "ada@example.org"}}, "/holder/name"),
        ({"holder": {"name": "A\x00da", "email": "ada@example.org"}}, "/holder/name"),
        ({"holder": {"name": "Ada", "email": "ada"}}, "/holder/email"),
        ({"holder": {"name": "Ada"}}, "/holder/email"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_an_opening_with_an_invalid_field_names_the_field_and_opens_nothing(
    accounts: httpx.Client, other: dict[str, Any], pointer: str
) -> None:
    response = accounts.post("/v1/accounts", json=new_account(**other))
    assert (response.status_code, response.json()["type"]) == (422, "/problems/validation")
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


def test_blanks_around_text_are_not_part_of_it(accounts: httpx.Client) -> None:
    wanted = new_account()
    padded = {**wanted, "holder": {"name": " Ada Lovelace ", "email": "ada@example.org"}}
    assert accounts.post("/v1/accounts", json=padded).json()["holder"] == wanted["holder"]
    assert accounts.post("/v1/accounts", json=wanted).status_code == 200


def test_each_limit_change_gets_the_next_version_and_is_told_in_this_order(
    bank: Bank, accounts: httpx.Client
) -> None:
    path = f"/v1/accounts/{opened(accounts, account_id='five-limits')}"
    for limit in (5, 4, 3, 2, 1):
        change = {"credit_limit": limit, "reason": "Asked for."}
        assert accounts.put(f"{path}/credit-limit", json=change).status_code == 200
    account = accounts.get(path).json()
    assert (account["credit_limit"], account["limit_version"]) == (1, 5)
    history = [(each["limit_version"], each["credit_limit"]) for each in account["credit_limits"]]
    assert history == [(5, 1), (4, 2), (3, 3), (2, 4), (1, 5), (0, 500_000)]
    told = [
        (body["limit_version"], body["credit_limit"])
        for _, body in bank.outbox("accounts", "five-limits")[1:]
    ]
    assert told == history[-2::-1]


def test_a_repeated_change_id_changes_nothing(bank: Bank, accounts: httpx.Client) -> None:
    account_id = opened(accounts)
    path = f"/v1/accounts/{account_id}"
    limit = {"credit_limit": 1, "reason": "Asked for.", "change_id": "c-1"}
    status = {"status": "frozen", "reason_code": "lost", "reason": "Lost.", "change_id": "c-1"}
    for place, change in (("credit-limit", limit), ("status", status)):
        first = accounts.put(f"{path}/{place}", json=change)
        assert "Idempotency-Replayed" not in first.headers
        between = accounts.put(f"{path}/{place}", json={**change, "change_id": "c-2"})
        assert between.status_code == 200
        again = accounts.put(f"{path}/{place}", json=change)
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["Idempotency-Replayed"] == "true"
    assert len(bank.outbox("accounts", account_id)) == 5


@pytest.mark.parametrize(
    ("place", "change", "other", "pointer"),
    [
        ("credit-limit", {"credit_limit": 1}, {"credit_limit": 2}, "/credit_limit"),
        ("credit-limit", {"credit_limit": 1}, {"credit_limit": 1, "reason": "B."}, "/reason"),
        ("status", {"status": "frozen"}, {"status": "active"}, "/status"),
        (
            "status",
            {"status": "frozen"},
            {"status": "frozen", "reason_code": "lost"},
            "/reason_code",
        ),
    ],
)
def test_a_change_id_with_other_content_is_a_conflict(
    accounts: httpx.Client,
    place: str,
    change: dict[str, Any],
    other: dict[str, Any],
    pointer: str,
) -> None:
    path = f"/v1/accounts/{opened(accounts)}"
    common = {"reason": "A.", "change_id": "c-1"}
    assert accounts.put(f"{path}/{place}", json={**common, **change}).status_code == 200
    response = accounts.put(f"{path}/{place}", json={**common, **other})
    assert (response.status_code, response.json()["type"]) == (409, "/problems/id-reused")
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


def test_a_status_change_is_told_with_its_code_but_not_with_the_words_of_staff(
    bank: Bank, accounts: httpx.Client
) -> None:
    account_id = opened(accounts)
    change = {"status": "frozen", "reason_code": "stolen", "reason": "Ada called from Rome."}
    response = accounts.put(f"/v1/accounts/{account_id}/status", json=change)
    assert response.status_code == 200
    _, (topic, body) = bank.outbox("accounts", account_id)
    assert topic == "accounts.account-status-changed.v1"
    assert body == {
        "account_id": account_id,
        "status": "frozen",
        "status_version": 1,
        "reason_code": "stolen",
        "changed_at": response.json()["changed_at"],
    }


def test_a_status_change_is_made_only_for_the_version_that_it_expects(
    accounts: httpx.Client, account_id: str
) -> None:
    accounts.post("/v1/accounts", json=new_account(account_id))
    path = f"/v1/accounts/{account_id}/status"
    frozen = {"status": "frozen", "reason": "A call.", "expected_version": 0, "change_id": "c-1"}
    for replayed in (None, "true"):
        response = accounts.put(path, json=frozen)
        assert response.json()["status_version"] == 1
        assert response.headers.get("Idempotency-Replayed") == replayed
    released = {"status": "active", "reason": "A call.", "expected_version": 0}
    late = accounts.put(path, json=released)
    assert (late.status_code, late.json()["title"]) == (409, "The status has changed meanwhile")
    assert accounts.get(f"/v1/accounts/{account_id}").json()["status"] == "frozen"


@pytest.mark.parametrize(
    ("place", "change"), [("credit-limit", {"credit_limit": 1}), ("status", {"status": "active"})]
)
def test_a_closed_account_does_not_change(
    bank: Bank, accounts: httpx.Client, place: str, change: dict[str, Any]
) -> None:
    account_id = opened(accounts)
    path = f"/v1/accounts/{account_id}"
    closing = {"status": "closed", "reason": "Moved away.", "change_id": "close"}
    assert accounts.put(f"{path}/status", json=closing).status_code == 200
    response = accounts.put(f"{path}/{place}", json={**change, "reason": "Came back."})
    assert (response.status_code, response.json()["type"]) == (409, "/problems/account-closed")
    assert accounts.put(f"{path}/status", json=closing).status_code == 200  # a repeat
    assert len(bank.outbox("accounts", account_id)) == 2


def test_a_change_beyond_the_product_s_limit_is_refused_and_not_told(
    bank: Bank, accounts: httpx.Client
) -> None:
    account_id = opened(accounts)
    change = {"credit_limit": 5_000_001, "reason": "Asked for."}
    response = accounts.put(f"/v1/accounts/{account_id}/credit-limit", json=change)
    assert (response.status_code, response.json()["type"]) == (422, "/problems/product-rule")
    assert len(bank.outbox("accounts", account_id)) == 1


def test_an_unknown_account_is_not_found(accounts: httpx.Client) -> None:
    responses = [
        accounts.get("/v1/accounts/none"),
        accounts.put("/v1/accounts/none/credit-limit", json={"credit_limit": 1, "reason": "A."}),
        accounts.put("/v1/accounts/none/status", json={"status": "frozen", "reason": "A."}),
    ]
    assert {each.json()["type"] for each in responses} == {"/problems/account-not-found"}


def test_the_list_has_every_account_once_page_by_page(accounts: httpx.Client) -> None:
    ids = {opened(accounts) for _ in range(5)}
    found, cursor = list[str](), None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = accounts.get("/v1/accounts", params=query).json()
        found += [each["account_id"] for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(found) == len(set(found))
    assert ids <= set(found)
