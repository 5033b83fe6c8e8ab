"""The bank and the platform together: each decides on while the other is away."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from harness.api import balance, purchase
from harness.bank import Bank, new_account, new_payment
from harness.everything import Everything
from harness.inbound import wait_for_messages
from harness.postgres import TestDatabase
from harness.processes import Command
from harness.published import read_topic
from harness.waiting import wait_until
from txplatform_client.kafka import (
    AccountOpened,
    CreditLimitChanged,
    PaymentReturned,
    PaymentSubmitted,
)

BANK_TOPICS = [
    each.TOPIC for each in (AccountOpened, CreditLimitChanged, PaymentSubmitted, PaymentReturned)
]


def limit_of(platform: httpx.Client, account_id: str) -> int | None:
    """Return the credit limit of an account at the platform; None if it is not open there yet."""
    response = platform.get(f"/v1/accounts/{account_id}/balance")
    return response.json()["credit_limit"] if response.status_code == 200 else None


def age(bank: Bank, account_id: str) -> None:
    """Make an account old for the risk check of payments."""
    with bank.connect("payments") as connection:
        opened_at = datetime.now(UTC) - timedelta(days=365)
        changed = connection.execute(
            "UPDATE known_accounts SET opened_at = %s WHERE account_id = %s",
            (opened_at, account_id),
        )
        assert changed.rowcount == 1


def knows(bank: Bank, account_id: str) -> bool:
    """Return whether payments knows an account."""
    with bank.connect("payments") as connection:
        found = connection.execute(
            "SELECT 1 FROM known_accounts WHERE account_id = %s", (account_id,)
        )
        return found.fetchone() is not None


def test_the_last_of_five_rapid_limit_changes_wins_everywhere(everything: Everything) -> None:
    ids = [f"acc-{number}" for number in range(10)]
    with everything.services() as (accounts, _), everything.platform() as platform:

        def change(job: tuple[str, int]) -> None:
            account_id, limit = job
            change = {"credit_limit": limit, "reason": "Asked for."}
            path = f"/v1/accounts/{account_id}/credit-limit"
            assert accounts.put(path, json=change).status_code == 200

        for account_id in ids:
            accounts.post("/v1/accounts", json=new_account(account_id))
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(change, [(each, limit) for each in ids for limit in range(1, 6)]))
        for account_id in ids:
            account = accounts.get(f"/v1/accounts/{account_id}").json()
            assert account["limit_version"] == 5
            wait_until(
                lambda: limit_of(platform, account_id) == account["credit_limit"],  # noqa: B023
                message=f"the limit {account['credit_limit']} of {account_id}",
            )
        declined = purchase("t", ids[0], 6, currency="EUR")
        response = platform.post("/v1/process-transaction", json=declined).json()
        assert response["reasons"][0]["code"] == "insufficient_credit"


@pytest.mark.long
def test_a_payment_is_checked_against_the_balance_applied_and_undone_when_it_bounces(
    everything: Everything,
) -> None:
    with everything.services() as (accounts, payments), everything.platform() as platform:
        accounts.post("/v1/accounts", json=new_account("acc"))
        wait_until(lambda: limit_of(platform, "acc"), message="the account at the platform")
        wait_until(lambda: knows(everything.bank, "acc"), message="the account at payments")
        age(everything.bank, "acc")
        shop = purchase("t", "acc", 60_000, currency="EUR")
        assert platform.post("/v1/process-transaction", json=shop).json()["decision"] == "approved"
        more = payments.post("/v1/payments", json=new_payment("acc", amount=60_001)).json()
        assert (more["state"], more["reason"]) == ("held", "more_than_owed")
        assert more["balance_check"] == "platform"
        paid = payments.post("/v1/payments", json=new_payment("acc", amount=60_000)).json()
        assert (paid["state"], paid["balance_check"]) == ("accepted", "platform")
        wait_until(lambda: balance(platform, "acc")["posted"] == -60_000, message="the payment")
        path = f"/v1/payments/{paid['payment_id']}/return"
        assert payments.post(path, json={"reason": "AM04"}).status_code == 200
        wait_until(lambda: balance(platform, "acc")["posted"] == 0, message="the return")


@pytest.mark.long
def test_a_small_payment_just_after_the_opening_is_accepted(everything: Everything) -> None:
    with everything.services() as (accounts, payments):
        # Joining the consumer group takes seconds.
        accounts.post("/v1/accounts", json=new_account("first"))
        wait_until(lambda: knows(everything.bank, "first"), message="payments to consume")
        for number in range(3):
            opening = new_account(f"acc-{number}", product="standard")
            assert accounts.post("/v1/accounts", json=opening).status_code == 201
            wanted = new_payment(f"acc-{number}", amount=50_000)
            assert payments.post("/v1/payments", json=wanted).json()["state"] == "accepted"


def test_each_side_goes_on_while_the_other_is_down_and_both_agree_afterwards(
    everything: Everything,
) -> None:
    bank = everything.bank
    with ExitStack() as stack:
        accounts, payments = stack.enter_context(everything.services())
        with everything.platform() as platform:
            accounts.post("/v1/accounts", json=new_account("acc"))
            wait_until(lambda: limit_of(platform, "acc"), message="the account at the platform")
            wait_until(lambda: knows(bank, "acc"), message="the account at payments")
            age(bank, "acc")
        # The platform is down: accounts and payments go on.
        change = {"credit_limit": 40_000, "reason": "Asked for."}
        assert accounts.put("/v1/accounts/acc/credit-limit", json=change).status_code == 200
        small = payments.post("/v1/payments", json=new_payment("acc", amount=7_000)).json()
        assert (small["state"], small["balance_check"]) == ("accepted", "fallback")
        large = payments.post("/v1/payments", json=new_payment("acc", amount=55_000)).json()
        assert (large["state"], large["reason"]) == ("held", "balance_unknown")
        release = {"reason": "Known to us."}
        path = f"/v1/payments/{large['payment_id']}/release"
        assert payments.post(path, json=release).json()["state"] == "accepted"
        path = f"/v1/payments/{small['payment_id']}/return"
        assert payments.post(path, json={"reason": "AM04"}).json()["state"] == "returned"
        bank.wait_until_published("accounts")
        bank.wait_until_published("payments")
        stack.close()
        with everything.platform() as platform:
            # The bank is down: what it told waits on the topics, and purchases are decided.
            wait_until(lambda: balance(platform, "acc")["posted"] == -55_000, message="payments")
            wait_until(lambda: limit_of(platform, "acc") == 40_000, message="the lower limit")
            shop = purchase("t", "acc", 95_000, currency="EUR")
            decision = platform.post("/v1/process-transaction", json=shop).json()
            assert decision["decision"] == "approved"
            assert decision["balance"]["available"] == 0
            with everything.services() as (accounts, payments):
                assert accounts.get("/v1/accounts/acc").json()["credit_limit"] == 40_000
                states = [each["state"] for each in payments.get("/v1/payments").json()["items"]]
                assert states == ["accepted", "returned"]


class Cardholders:
    """Requests to the bank, sent with the same ids until there is a response, and their model.

    Attributes:
        limits: The credit limit that each account should have.
        posted: The balance that each account should have at the platform.
    """

    def __init__(self, clients: dict[str, httpx.Client], ids: list[str]) -> None:
        self._clients = clients
        self.limits = dict.fromkeys(ids, 500_000)
        self.posted = dict.fromkeys(ids, 0)

    def ask(self, service: str, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request until there is a response; return that of a success."""

        def respond() -> httpx.Response | None:
            try:
                response = self._clients[service].request(method, f"/v1/{path}", json=body)
            except httpx.TransportError:
                return None
            return None if response.status_code == 503 else response

        found = wait_until(respond, message=f"a response to {method} {path}")
        assert found is not None
        assert found.is_success, found.text
        answer: dict[str, Any] = found.json()
        return answer

    def act(self, number: int, chance: random.Random) -> None:
        """Change the limit of an account, or pay and perhaps let the payment bounce."""
        account_id = chance.choice([*self.limits])
        if chance.random() < 0.4:
            change = {"credit_limit": number, "reason": "A.", "change_id": f"c-{number}"}
            self.ask("accounts", "PUT", f"accounts/{account_id}/credit-limit", change)
            self.limits[account_id] = number
            return
        payment_id, amount = f"p-{number}", chance.randrange(1, 20_000)
        wanted = new_payment(account_id, payment_id, amount=amount)
        payment = self.ask("payments", "POST", "payments", wanted)
        if payment["state"] != "accepted":
            assert payment["reason"] == "too_many_returns"
        elif chance.random() < 0.2:
            self.ask("payments", "POST", f"payments/{payment_id}/return", {"reason": "AM04"})
        else:
            self.posted[account_id] -= amount


def publish_again(brokers: str, chance: random.Random) -> int:
    """Send all messages of the bank again, in a random order; return their number."""
    producer = Producer({"bootstrap.servers": brokers})
    again = [(topic, each) for topic in BANK_TOPICS for each in read_topic(brokers, topic)]
    chance.shuffle(again)
    for topic, record in again:
        producer.produce(topic, record.body, record.key, headers=[*record.headers.items()])
    assert producer.flush(30) == 0
    return len(again)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_limits_and_balances_agree_with_a_model_after_kills_and_copies(
    everything: Everything, topics: str, database: TestDatabase, seed: int
) -> None:
    chance = random.Random(seed)
    ids = [f"acc-{number}" for number in range(5)]
    with ExitStack() as stack:
        platform = stack.enter_context(everything.platform())
        process = stack.enter_context(Command("all", env=everything.bank.env, program="txbank"))
        services = ("accounts", "payments")
        clients = {each: stack.enter_context(everything.bank.client(each)) for each in services}
        cardholders = Cardholders(clients, ids)
        for account_id in ids:
            cardholders.ask("accounts", "POST", "accounts", new_account(account_id))
            wait_until(lambda: knows(everything.bank, account_id), message="payments")  # noqa: B023
        for number in range(60):
            if chance.random() < 0.1:
                process.kill()
                process.start()
            cardholders.act(number, chance)
        for service in services:
            everything.bank.wait_until_published(service)
        wait_for_messages(database, 2 * publish_again(topics, chance))
        for account_id in ids:
            account = clients["accounts"].get(f"/v1/accounts/{account_id}").json()
            assert account["credit_limit"] == cardholders.limits[account_id]
            at_platform = balance(platform, account_id)
            assert at_platform["credit_limit"] == cardholders.limits[account_id]
            assert at_platform["posted"] == cardholders.posted[account_id]
