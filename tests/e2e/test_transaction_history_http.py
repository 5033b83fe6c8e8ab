"""A transaction's history over HTTP, read alone and in the pages of its account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest

from harness.api import RunningApi, balance, open_account, purchase, running_api
from harness.commands import correction, expiry, payment
from harness.histories import record
from harness.postgres import PostgresServer
from harness.processes import Command
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.eventstore.log import last_position

_numbers = count(1)


@pytest.fixture(scope="module")
def running(postgres: PostgresServer) -> Iterator[tuple[RunningApi, psycopg.Connection]]:
    """Run an API and a projector, and connect to their database; each test has its own accounts."""
    database = postgres.new_database()
    env = {"TXPLATFORM_DATABASE_URL": database.service_url}
    with (
        running_api(env) as api,
        Command("project", env=env) as projector,
        Database(database.service_url).connect() as store,
    ):
        projector.wait_ready()
        yield api, store
    postgres.drop(database)


class Caller:
    """Changes one account and reads its transactions."""

    def __init__(self, api: RunningApi, store: psycopg.Connection) -> None:
        self.account_id = f"acc-{next(_numbers)}"
        self.path = f"/v1/accounts/{self.account_id}"
        self.client = api.client
        self.store = store

    def buy(self, transaction_id: str, amount: int) -> None:
        """Request a purchase."""
        asked = purchase(transaction_id, self.account_id, amount)
        assert self.client.post("/v1/process-transaction", json=asked).status_code == 200

    def post(self, path: str, **body: Any) -> None:
        """Post to a path of the account; the request must succeed."""
        answer = self.client.post(f"{self.path}/{path}", json=body)
        assert answer.status_code == 200, answer.text

    def clear(self, transaction_id: str, clearing_id: str, amount: int, **more: Any) -> None:
        """Clear a transaction."""
        body = {"clearing_id": clearing_id, "amount": amount, "currency": "USD", **more}
        self.post(f"transactions/{transaction_id}/clearings", **body)

    def correct(self, transaction_id: str, clearing_id: str, reverses: str, amount: int) -> None:
        """Undo a clearing, as the network does over Kafka."""
        command = correction(self.account_id, transaction_id, clearing_id, reverses, amount)
        record(self.store, [command])

    def expire(self, transaction_id: str) -> None:
        """Expire the hold of a transaction."""
        later = datetime.now(UTC) + timedelta(days=400)
        assert record(self.store, [expiry(self.account_id, transaction_id)], begin=later) == 1

    def read(self, transaction_id: str) -> dict[str, Any]:
        """Read one transaction."""
        answer = self.client.get(f"{self.path}/transactions/{transaction_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert answer.headers["ETag"] == f'W/"{found["events"][-1]["account_version"]}"'
        return found

    def page(self, **query: Any) -> dict[str, Any]:
        """Wait until the list has caught up with the log, and return one page."""
        end = last_position(self.store)

        def read() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client.get(
                f"{self.path}/transactions", params=query
            ).json()
            return found if found["as_of_position"] >= end else None

        found = wait_until(read, message="the list to catch up with the log")
        assert found is not None
        return found


@pytest.fixture
def caller(running: tuple[RunningApi, psycopg.Connection]) -> Caller:
    """Return a caller with an open account and a credit limit of 10,000."""
    caller = Caller(*running)
    open_account(caller.client, caller.account_id, 10_000)
    return caller


def values(found: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Return the values of these fields."""
    return tuple(found[name] for name in names)


def events(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the type, amount, id and flags of each event."""
    own = ("increment_id", "reversal_id", "clearing_id", "refund_id")
    return [
        (
            event["type"],
            event["amount"],
            next((event[name] for name in own if event[name] is not None), None),
            *event["flags"],
        )
        for event in found["events"]
    ]


def test_a_purchase_can_be_read_at_once_with_its_decision(caller: Caller) -> None:
    """It has the fields of the decision, and sums that show no later events."""
    caller.buy("t", 1000)
    found = caller.read("t")
    expires_at = datetime.fromisoformat(found.pop("expires_at"))
    decided_at = found["decided_at"]
    assert expires_at - datetime.fromisoformat(decided_at) == timedelta(days=7)
    assert len(found.pop("authorization_code")) == 6
    (event,) = found.pop("events")
    assert event["event_id"] == found["event_id"]
    assert event["at"] == decided_at
    for name in ("event_id", "log_position", "decided_at", "recorded_at"):
        assert found.pop(name)
    assert found == {
        "transaction_id": "t",
        "account_id": caller.account_id,
        "decision": "approved",
        "response_code": "00",
        "reasons": [],
        "amount": 1000,
        "currency": "USD",
        "merchant": purchase("t", "", 1)["merchant"],
        "original_amount": None,
        "original_currency": None,
        "occurred_at": None,
        "reference": None,
        "metadata": None,
        "balance": {"credit_limit": 10_000, "posted": 0, "pending": 1000, "available": 9000},
        "ruleset": "default@1",
        "account_version": 2,
        "state": "held",
        "hold": 1000,
        "cleared": 0,
        "corrected": 0,
        "posted": 0,
        "refunded": 0,
        "reversed": 0,
        "events_total": 1,
    }


def test_a_transaction_shows_every_kind_of_event_in_order(caller: Caller) -> None:
    """The sums follow from the events. A refund above its purchase is flagged and counts."""
    caller.buy("t", 1000)
    caller.post("transactions/t/increments", increment_id="i1", amount=200)
    caller.post("transactions/t/increments", increment_id="i2", amount=99_999)
    caller.post("transactions/t/reversals", reversal_id="r", amount=100)
    caller.clear("t", "c1", 400, final=False)
    held = caller.read("t")
    assert values(held, "state", "hold", "cleared", "reversed") == ("held", 700, 400, 100)
    caller.clear("t", "c2", 300)
    caller.correct("t", "x", "c2", 300)
    caller.post("refunds", refund_id="f", amount=600, currency="USD", transaction_id="t")
    found = caller.read("t")
    assert events(found) == [
        ("authorization-approved", 1000, None),
        ("authorization-incremented", 200, "i1"),
        ("increment-declined", 99_999, "i2"),
        ("authorization-reversed", 100, "r"),
        ("purchase-cleared", 400, "c1"),
        ("purchase-cleared", 300, "c2"),
        ("clearing-corrected", 300, "x"),
        ("purchase-refunded", 600, "f", "over_purchase"),
    ]
    assert [event["account_version"] for event in found["events"]] == [*range(2, 10)]
    assert values(found, "state", "hold", "expires_at") == ("cleared", 0, None)
    sums = values(found, "cleared", "corrected", "posted", "refunded", "reversed")
    assert sums == (700, 300, 400, 600, 100)
    assert balance(caller.client, caller.account_id)["posted"] == -200
    assert caller.page()["items"] == [found]


def test_an_expired_hold_and_the_clearing_after_it(caller: Caller) -> None:
    """The clearing is flagged as late."""
    caller.buy("t", 50)
    caller.expire("t")
    expired = caller.read("t")
    assert values(expired, "state", "hold", "expires_at") == ("expired", 0, None)
    assert expired["events"][-1]["released"] == 50
    caller.clear("t", "c", 50)
    assert events(caller.read("t"))[1:] == [
        ("hold-expired", None, None),
        ("purchase-cleared", 50, "c", "after_expiry"),
    ]


def test_a_force_post_is_listed_and_its_late_authorization_becomes_its_decision(
    caller: Caller,
) -> None:
    """A refund without a transaction appears only in the account's events."""
    caller.clear("t", "c", 60, final=False)
    caller.buy("other", 1)
    caller.post("refunds", refund_id="none", amount=5, currency="USD")
    forced = caller.read("t")
    assert values(forced, "decision", "amount", "merchant", "decided_at") == (None,) * 4
    assert values(forced, "state", "posted", "hold") == ("unauthorized", 60, 0)
    assert events(forced) == [
        ("transaction-started", None, None),
        ("purchase-cleared", 60, "c", "no_authorization"),
    ]
    assert [item["transaction_id"] for item in caller.page()["items"]] == ["other", "t"]
    caller.buy("t", 100)
    found = caller.read("t")
    assert values(found, "decision", "state", "hold", "posted") == ("approved", "held", 40, 60)
    other, last = caller.page()["items"]
    assert (other["transaction_id"], last) == ("other", found)  # in the place of the force post


def test_a_reversal_before_its_authorization(caller: Caller) -> None:
    """An authorization that comes after its reversal holds nothing."""
    caller.post("transactions/t/reversals", reversal_id="r")
    assert values(caller.read("t"), "decision", "state") == (None, "reversed")
    caller.buy("t", 100)
    assert values(caller.read("t"), "decision", "state", "hold") == ("approved", "reversed", 0)


def test_a_transaction_that_nothing_names_is_not_found(caller: Caller) -> None:
    """A clearing that waits for the account does not count."""
    answer = caller.client.get(f"{caller.path}/transactions/none")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/transaction-not-found")
    assert "lags" not in answer.json()["detail"]
    path = "/v1/accounts/unopened/transactions/t"
    asked = {"clearing_id": "c", "amount": 1, "currency": "USD"}
    assert caller.client.post(f"{path}/clearings", json=asked).json()["status"] == "waiting"
    assert caller.client.get(path).status_code == 404


def test_the_etag_is_the_version_of_the_newest_event(caller: Caller) -> None:
    """The response is 304 until this transaction changes; other transactions do not count."""
    caller.buy("t", 10)
    path = f"{caller.path}/transactions/t"
    seen = {"If-None-Match": caller.client.get(path).headers["ETag"]}
    caller.buy("other", 10)
    unchanged = caller.client.get(path, headers=seen)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    caller.clear("t", "c", 10)
    after = caller.client.get(path, headers=seen)
    assert (after.status_code, after.headers["ETag"]) == (200, 'W/"4"')


def test_the_transactions_of_all_pages_add_up_to_the_balance(caller: Caller) -> None:
    """The refund without a transaction and the payment are added."""
    for number in range(6):
        caller.buy(f"t{number}", 100 + number)
        caller.clear(f"t{number % 4}", f"c{number}", 30, final=number % 2 == 0)
        caller.clear(f"forced-{number % 2}", f"force-{number}", 7)
        caller.post(
            f"transactions/t{number}/reversals", reversal_id=f"r{number}", amount=number + 1
        )
    caller.expire("t5")
    caller.correct("t1", "x", "c1", 30)
    caller.post("refunds", refund_id="f1", amount=90, currency="USD", transaction_id="t3")
    caller.post("refunds", refund_id="f2", amount=3, currency="USD", transaction_id="unknown")
    caller.post("refunds", refund_id="f3", amount=11, currency="USD")
    record(caller.store, [payment(caller.account_id, "p", 40)])
    found: list[dict[str, Any]] = []
    page = caller.page(limit=2)
    while True:
        found += page["items"]
        if page["next_cursor"] is None:
            break
        page = caller.page(limit=2, cursor=page["next_cursor"])
    newest_first = ["unknown", "t5", "t4", "t3", "t2", "forced-1", "t1", "forced-0", "t0"]
    assert [each["transaction_id"] for each in found] == newest_first
    assert found == [caller.read(each["transaction_id"]) for each in found]
    now = balance(caller.client, caller.account_id)
    assert sum(each["posted"] - each["refunded"] for each in found) - 11 - 40 == now["posted"]
    assert sum(each["hold"] for each in found) == now["pending"] > 0
