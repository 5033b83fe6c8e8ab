"""Batches of clearings over HTTP: each item has its own result."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from harness.api import RunningApi, balance, open_account, running_api
from harness.descriptions import FLAWED, Written, repeated, written

PATH = "/v1/clearings"
CARD = "4111111111111111"


def item(account_id: str, clearing_id: str, **changes: Any) -> dict[str, Any]:
    """Return a valid clearing of 10 with these changes."""
    return {
        "clearing_id": clearing_id,
        "account_id": account_id,
        "transaction_id": "tx",
        "amount": 10,
        "currency": "USD",
        "final": False,
        **changes,
    }


def send(api: RunningApi, *items: Any) -> dict[str, Any]:
    """Send a batch and return the response."""
    answer = api.client.post(PATH, json={"items": items})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    counts = {name: found[name] for name in ("clean", "waiting", "bad", "retry")}
    results = [each["result"] for each in found["items"]]
    assert {name: results.count(name) for name in counts} == counts
    assert len(results) == len(items) == sum(counts.values())
    return found


def test_each_item_gets_its_own_result(api: RunningApi, held: str) -> None:
    found = send(
        api,
        item(held, "c1", amount=400),
        item(held, "c2", currency="EUR"),
        item(held, "c3", amount=0, final=False),
        item(held, "c1", amount=401),
        item(held, "c1", amount=400),
        item(held, "c4", transaction_id=None, amount=7),
        item(held, "c5", amount=601, final=True),
        item(f"not-{held}", "c6"),
        item(held, "c7", fee=1),
        item(held, CARD),
        "rubbish",
        item(held, "c8", transaction_id="later"),
        item(held, "c9", direction="credit", amount=5),
        item(held, "x1", direction="credit", reverses_clearing_id="c4", amount=7),
        item(held, "x2", reverses_clearing_id="c8"),
        item(held, "x3", direction="credit", reverses_clearing_id="not-yet"),
        item(held, "c10", amount=0, final=True),
        item(held, "c11", merchant={"name": "Shop"}, amount=2),
        item(held, "c11", merchant={"name": "Shop"}, amount=3),
    )
    assert [(each["result"], each["reason"], each["flags"]) for each in found["items"]] == [
        ("clean", None, []),
        ("bad", "currency_mismatch", []),
        ("bad", "validation", []),
        ("bad", "conflicting_copy", []),
        ("clean", None, []),
        ("clean", None, ["no_authorization"]),
        ("clean", None, ["over_hold"]),
        ("waiting", None, []),
        ("bad", "validation", []),
        ("clean", None, ["after_final", "id_like_card_number"]),
        ("bad", "validation", []),
        ("clean", None, ["no_authorization"]),
        ("clean", None, []),
        ("clean", None, ["other_transaction"]),
        ("bad", "wrong_direction", []),
        ("waiting", None, []),
        ("clean", None, ["after_final"]),
        ("clean", None, ["after_final", "description_incomplete"]),
        ("bad", "conflicting_copy", ["description_incomplete"]),
    ]
    assert [each["field"] for each in found["items"] if each["result"] == "bad"] == [
        *("currency", "amount", "amount", "fee", None, "direction", "amount"),
    ]
    items = found["items"]
    assert [each["clearing_id"] for each in items] == [
        *("c1", "c2", "c3", "c1", "c1", "c4", "c5", "c6", "c7", CARD, None, "c8"),
        *("c9", "x1", "x2", "x3", "c10", "c11", "c11"),
    ]
    assert [each["replayed"] for each in items] == [place == 4 for place in range(19)]
    assert items[4]["clearing"] == items[0]["clearing"]
    assert items[0]["clearing"]["released"] == 400
    assert items[7]["clearing"]["status"] == "waiting"
    assert items[2]["errors"][0]["pointer"] == "/items/2/amount"
    assert items[8]["errors"][0]["pointer"] == "/items/8/fee"
    assert items[10]["errors"][0]["pointer"] == "/items/10"
    assert all(each["detail"] for each in items if each["result"] == "bad")
    after = balance(api.client, held)
    posted = 400 + 7 + 601 + 10 + 10 - 5 - 7 + 2
    assert (after["posted"], after["pending"]) == (posted, 0)


@pytest.mark.parametrize("value", FLAWED)
def test_an_item_that_cannot_be_read_harms_no_other(
    api: RunningApi, held: str, value: Written
) -> None:
    sent = [
        item(held, "c1"),
        item(held, "c2", merchant=value),
        item(held, "c3", metadata={"a": value}),
        item(held, "c4", reference=repeated("reference")),
        item(held, "c5", amount=value),
        item(held, "c6", amount=repeated("amount")),
        item(held, "c7", score=value),
        value,
        item(held, "c8"),
    ]
    answer = api.client.post(
        PATH, content=written({"items": sent}), headers={"Content-Type": "application/json"}
    )
    items = answer.json()["items"]
    assert [(each["result"], each["field"]) for each in items[:7]] == [
        *[("clean", None)] * 4,
        *[("bad", "amount")] * 2,
        ("bad", "score"),
    ]
    assert [each["flags"] for each in items[:4]] == [[], *[["description_incomplete"]] * 3]
    assert items[5]["errors"][0]["message"] == "is repeated; send it once"
    assert [each["result"] for each in items[7:]] == ["bad", "clean"]
    assert balance(api.client, held)["posted"] == 50


def test_i3_a_file_sent_again_changes_nothing(own_api: RunningApi) -> None:
    """A request can have a thousand of the longest ids, and takes few commits."""
    for number in range(20):
        open_account(own_api.client, f"{number:x>64}", 1000)
    items = [
        item(f"{number % 20:x>64}", f"{number:c>64}", transaction_id=f"{number:t>64}")
        for number in range(1000)
    ]
    first = send(own_api, *items)
    assert (first["clean"], {tuple(each["flags"]) for each in first["items"]}) == (
        1000,
        {("no_authorization",)},
    )
    again = send(own_api, *items)
    assert all(each["replayed"] for each in again["items"])
    assert [each["clearing"] for each in again["items"]] == [
        each["clearing"] for each in first["items"]
    ]
    assert balance(own_api.client, f"{0:x>64}")["posted"] == 500
    with psycopg.connect(own_api.env["TXPLATFORM_DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT count(*), count(DISTINCT xmin::text) FROM events"
            " WHERE topic = 'purchase-cleared'"
        ).fetchone()
    assert row is not None
    assert row[0] == 1000
    assert row[1] <= 20


def test_a_batch_may_have_1000_items_with_the_longest_fields(api: RunningApi, held: str) -> None:
    """What is longer still is refused as a whole, and says how long a body may be."""
    metadata = {f"{number:02}{'k' * 38}": "€" * 54 for number in range(20)}
    assert 4000 < sum(len(f"{name}{text}".encode()) for name, text in metadata.items()) <= 4096
    merchant = {"id": "€" * 64, "name": "€" * 200, "category_code": "5942", "country": "USA"}
    items = [
        item(
            held,
            f"{number:04}{'€' * 60}",
            amount=1,
            reference="€" * 64,
            merchant=merchant,
            metadata=metadata,
            occurred_at="2026-11-20T10:15:00.123456Z",
            original_amount=999_999_999_999_999,
            original_currency="EUR",
        )
        for number in range(1000)
    ]
    assert send(api, *items)["clean"] == 1000
    refused = api.client.post(PATH, content=b'{"items": [' + b" " * 8_388_608 + b"]}")
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/body-too-large")
    assert "8388608 bytes" in refused.text


def test_a_clearing_alone_and_in_a_batch_has_one_effect(api: RunningApi, held: str) -> None:
    """The id is unique within the account for both endpoints."""
    single = {"clearing_id": "c", "amount": 10, "currency": "USD", "final": False}
    answer = api.client.post(f"/v1/accounts/{held}/transactions/tx/clearings", json=single)
    (found,) = send(api, item(held, "c"))["items"]
    assert found["replayed"]
    assert found["clearing"] == answer.json()


def test_items_that_do_not_fit_into_the_queue_can_be_sent_again(
    service_env: dict[str, str],
) -> None:
    with running_api(service_env, TXPLATFORM_DECISION_QUEUE_SIZE="5") as api:
        open_account(api.client, "acc-1", 10_000)
        items = [item("acc-1", f"c{number}") for number in range(12)]
        found = send(api, *items)
        assert (found["clean"], found["retry"]) == (5, 7)
        reasons = {each["reason"] for each in found["items"] if each["result"] == "retry"}
        assert reasons == {"overloaded"}
        while found["retry"]:
            found = send(api, *items)
            items = [
                each
                for each, result in zip(items, found["items"], strict=True)
                if result["result"] == "retry"
            ]
        assert balance(api.client, "acc-1")["posted"] == 120


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "not-json"),
        (b'{"items": [], "items": []}', 400, "not-json"),
        (b"[]", 422, "validation"),
        (b'{"items": []}', 422, "validation"),
        (b'{"items": {}}', 422, "validation"),
        (b'{"items": [1], "file": "x"}', 422, "validation"),
        (b'{"items": [%s]}' % b",".join([b"1"] * 1001), 422, "validation"),
        (b" " * 8_388_609, 413, "body-too-large"),
    ],
)
def test_an_invalid_batch_is_refused_as_a_whole(
    api: RunningApi, held: str, body: bytes, status: int, kind: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.client.post(PATH, content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert balance(api.client, held)["account_version"] == 2
