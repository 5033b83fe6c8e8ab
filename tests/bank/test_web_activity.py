"""The list of an account in the web bank: what is booked, held and declined, each once."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

import httpx
import pytest

from harness.api import balance, purchase
from harness.everything import Everything
from harness.inbound import RETURNED, SUBMITTED, Sender, payment, returned
from harness.waiting import wait_until
from harness.web import add_web_user, logged_in
from txbank.web.users import OwnAccount, Role

BOOKED = {"cleared", "returned"}
_ROW = re.compile(
    r'<li class="row is-(\w+)">.*?<(?:a|span)[^>]*>([^<]*)</.*?class="money amount">([^<]*)<',
    re.DOTALL,
)


class Row(NamedTuple):
    """A row as it is shown."""

    state: str
    title: str
    amount: str

    @property
    def minor(self) -> int:
        """The amount in minor units of EUR."""
        shown = self.amount.removesuffix(" EUR").replace(",", "").replace("\N{MINUS SIGN}", "-")
        return int(Decimal(shown) * 100)


@dataclass(frozen=True)
class Shop:
    """Sends purchases and advices of one account to the platform."""

    platform: httpx.Client
    account_id: str

    def send(self, path: str, **body: Any) -> None:
        """Send an advice, with the currency of the account."""
        url = f"/v1/accounts/{self.account_id}/{path}"
        response = self.platform.post(url, json={"currency": "EUR", **body})
        assert response.is_success, response.text

    def buy(self, transaction_id: str, amount: int, currency: str = "EUR") -> None:
        """Ask for an authorization."""
        wanted = purchase(transaction_id, self.account_id, amount, currency=currency)
        assert self.platform.post("/v1/process-transaction", json=wanted).is_success

    def change_hold(self, path: str, **body: Any) -> None:
        """Increment or reverse."""
        url = f"/v1/accounts/{self.account_id}/transactions/{path}"
        assert self.platform.post(url, json=body).is_success

    def settle(self, **item: Any) -> None:
        """Send a batch of one presentment, which may name no transaction or take one back."""
        item = {"account_id": self.account_id, "currency": "EUR", **item}
        result = self.platform.post("/v1/clearings", json={"items": [item]}).json()
        assert result["clean"] == 1, result


@contextmanager
def platform_and_web(everything: Everything) -> Iterator[httpx.Client]:
    """Run the platform and the web bank, without accounts and payments."""
    with everything.platform() as platform, everything.bank.running("web"):
        yield platform


def open_account(platform: httpx.Client, account_id: str, *, opening_balance: int = 0) -> Shop:
    """Open an account in EUR at the platform."""
    body = {
        "account_id": account_id,
        "currency": "EUR",
        "credit_limit": 1_000_000,
        "opening_balance": opening_balance,
    }
    assert platform.post("/v1/accounts", json=body).is_success
    return Shop(platform, account_id)


@contextmanager
def shown_to_holder(everything: Everything, account_id: str) -> Iterator[httpx.Client]:
    """Log in as the holder of an account."""
    own = OwnAccount(account_id, "EUR", "gold")
    name = add_web_user(everything.bank, Role.CARDHOLDER, own)
    with logged_in(everything.bank, name) as user:
        yield user.client


def rows_of(client: httpx.Client, account_id: str) -> list[Row]:
    """Return the rows of an account's page, newest first."""
    return [Row(*found) for found in _ROW.findall(client.get(f"/accounts/{account_id}").text)]


def test_every_kind_has_a_row_and_booked_rows_add_up_to_the_balance(
    everything: Everything,
) -> None:
    with platform_and_web(everything) as platform:
        shop = open_account(platform, "acc", opening_balance=10_000)
        shop.buy("less", 30_000)
        shop.send("transactions/less/clearings", clearing_id="c1", amount=25_000)
        shop.buy("hotel", 1_000)
        shop.change_hold("hotel/increments", increment_id="i1", amount=500)
        shop.change_hold("hotel/reversals", reversal_id="r1", amount=200)
        shop.buy("part", 1_000)
        shop.send("transactions/part/clearings", clearing_id="c2", amount=400, final=False)
        shop.buy("cancelled", 700)
        shop.change_hold("cancelled/reversals", reversal_id="r2")
        shop.buy("verification", 0)
        shop.buy("abroad", 4_250, "USD")
        shop.send("refunds", refund_id="f1", amount=5_000, transaction_id="less")
        shop.send("refunds", refund_id="f2", amount=60)
        shop.settle(clearing_id="c3", amount=90)
        shop.settle(clearing_id="c4", amount=90, direction="credit", reverses_clearing_id="c3")
        sender = Sender(everything.bank.env["TXBANK_KAFKA_BOOTSTRAP_SERVERS"])
        sender.send(SUBMITTED, payment("p1", "acc", 8_000, currency="EUR"))
        sender.send(RETURNED, returned("p1", "acc", 8_000, currency="EUR"))
        sender.flush()
        expected = [
            Row("cleared", "Opening balance", "-100.00 EUR"),
            Row("cleared", "Corner Books", "-250.00 EUR"),
            Row("held", "Corner Books", "-13.00 EUR"),
            Row("held", "Corner Books", "-6.00 EUR"),
            Row("cleared", "Corner Books", "-4.00 EUR"),
            Row("reversed", "Corner Books", "-7.00 EUR"),
            Row("approved", "Corner Books", "0.00 EUR"),
            Row("declined", "Corner Books", "-42.50 USD"),
            Row("cleared", "Corner Books", "+50.00 EUR"),
            Row("cleared", "Refund", "+0.60 EUR"),
            Row("cleared", "Purchase", "-0.90 EUR"),
            Row("cleared", "Correction", "+0.90 EUR"),
            Row("cleared", "Payment received", "+80.00 EUR"),
            Row("returned", "Payment bounced", "-80.00 EUR"),
        ]
        expected = [
            each._replace(amount=each.amount.replace("-", "\N{MINUS SIGN}")) for each in expected
        ]
        with shown_to_holder(everything, "acc") as client:
            wait_until(
                lambda: sorted(rows_of(client, "acc")) == sorted(expected), message="all rows"
            )
            assert_adds_up(rows_of(client, "acc"), balance(platform, "acc"))
            # Neither the accounts service nor its page is needed to set limits of one's own.
            card = "/accounts/acc/card"
            limits = {"form_id": "1b671a64-40d5-491e-99b0-da01ff1f3341", "purchase": "12.50"}
            assert client.post(f"{card}/limits", data=limits).status_code == 303
            shown = client.get(card)
            assert (shown.status_code, 'value="12.50"' in shown.text) == (200, True)
            assert "Whether the card is frozen cannot be shown now." in shown.text


def assert_adds_up(rows: list[Row], found: dict[str, Any]) -> None:
    """Check that the booked rows add up to what is owed, and the held ones to the holds."""
    assert sum(each.minor for each in rows if each.state in BOOKED) == -found["posted"]
    assert sum(each.minor for each in rows if each.state == "held") == -found["pending"]


def live_randomly(shop: Shop, chance: random.Random, advices: int) -> None:
    """Send purchases and advices in an order that is likely, and in some that are not."""
    numbers, bought, cleared = count(1), list[str](), dict[str, int]()
    shop.buy("t0", 5_000)
    bought.append("t0")
    for _ in range(advices):
        key, name, amount = f"n{next(numbers)}", chance.choice(bought), chance.randint(1, 3_000)
        match chance.randrange(8):
            case 0 | 1:
                shop.buy(key, amount, chance.choice(["EUR", "EUR", "USD"]))
                bought.append(key)
            case 2:
                shop.change_hold(f"{name}/increments", increment_id=key, amount=amount)
            case 3:
                shop.change_hold(f"{name}/reversals", reversal_id=key, amount=amount)
            case 4 | 5:
                final = chance.random() < 0.5
                path = f"transactions/{name}/clearings"
                shop.send(path, clearing_id=key, amount=amount, final=final)
                cleared[key] = amount
            case 6:
                named = chance.choice([{}, {"transaction_id": name}])
                shop.send("refunds", refund_id=key, amount=amount, **named)
            case _ if cleared:
                original, amount = cleared.popitem()
                shop.settle(
                    clearing_id=key,
                    amount=amount,
                    direction="credit",
                    reverses_clearing_id=original,
                )


@pytest.mark.long
def test_after_any_advices_the_list_agrees_with_the_balance(everything: Everything) -> None:
    with platform_and_web(everything) as platform:
        for seed in range(8):
            account_id = f"acc-{seed}"
            live_randomly(open_account(platform, account_id), random.Random(seed), 12)
            with shown_to_holder(everything, account_id) as client:

                def agrees(client: httpx.Client = client, account_id: str = account_id) -> bool:
                    rows = rows_of(client, account_id)
                    held = sum(each.minor for each in rows if each.state == "held")
                    return bool(held == -balance(platform, account_id)["pending"])

                wait_until(agrees, message=f"the holds of {account_id}")
                assert_adds_up(rows_of(client, account_id), balance(platform, account_id))
        live_randomly(open_account(platform, "busy"), random.Random(0), 80)
        postings = platform.get("/v1/accounts/busy/postings").json()["items"]
        with shown_to_holder(everything, "busy") as client:
            rows = rows_of(client, "busy")
            booked = [each.minor for each in rows if each.state in BOOKED]
            assert len(rows) == 30
            assert booked == [-each["amount"] for each in postings[: len(booked)]]
