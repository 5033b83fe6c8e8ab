"""The real data end to end: sent over HTTP and Kafka, then compared with the file.

The expected balances are computed here from the file, by code that shares nothing with the product.
So the rules of the simulation are implemented a second time.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.api import RunningApi, running_api
from harness.inbound import wait_for_messages
from harness.postgres import TestDatabase
from harness.processes import Command, run_command
from harness.published import read_topic
from harness.waiting import wait_until
from txplatform.demo.processes import free_port
from txplatform.simulation.plan import Day, plan
from txplatform.simulation.runner import Simulator

FILE = (
    Path(__file__).parents[2] / "src/txplatform/simulation/data/barnet-purchasing-cards-2017-18.csv"
)
DECISIONED = "transactions.transaction-decisioned.v1"


HOTELS = ("HOTEL", "INN", "TRAVELODGE")
NO_HOTELS = ("TESCO SAINSBURY ASDA WAITROSE MORRISONS CO-OP ALDI LIDL AMAZON AMZN EBAY WWW. .CO.UK"
             " .COM TRAIN RAIL TFL BUS UBER TAXI").split()  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row of the file: ISO dates, amounts in pence, negative for a refund."""

    used: str
    number: int
    posted: str
    card: int
    pence: int
    held: int


@dataclass
class Card:
    """The balances of one card, in pence.

    Attributes:
        spent: The sum of the purchases since the last payment.
    """

    limit: int
    posted: int = 0
    pending: int = 0
    spent: int = 0

    @property
    def money(self) -> tuple[int, int, int, int]:
        """The limit and the posted, pending and available amounts."""
        return self.limit, self.posted, self.pending, self.limit - self.posted - self.pending


def rows() -> list[Row]:
    """Read the file; rows are sorted by day and then by number."""
    found = []
    with FILE.open(encoding="latin-1", newline="") as file:
        for number, row in enumerate(csv.reader(file)):
            if number == 0:
                continue
            used, posted = ("-".join(["20" + date[6:], date[3:5], date[:2]]) for date in row[:2])
            pounds, pence = row[2].replace(",", "").split(".")
            amount = int(pounds.lstrip("-") or 0) * 100 + int(pence)  # the file has `.99`
            amount = -amount if pounds.startswith("-") else amount
            card = int(hashlib.sha256(f"{row[3]}|{row[4]}".encode()).hexdigest()[:8], 16) % 40
            name = row[3].upper()
            sleeps = any(word in name for word in HOTELS) and not any(
                word in name for word in NO_HOTELS
            )
            held = amount + amount // 5 if sleeps else amount
            found.append(Row(used, number, posted, card, amount, max(0, held)))
    return sorted(found, key=lambda row: (row.used, row.number))


def expected() -> Iterator[tuple[str, dict[str, Card]]]:
    """Yield the accounts at the end of each day with a purchase or a posting."""
    cards = [Card((150_000_00, 200_000_00, 250_000_00, 300_000_00)[each % 4]) for each in range(40)]
    accounts = {f"barnet-y1-card{number:02d}": card for number, card in enumerate(cards)}
    for card in cards[::10]:
        card.posted -= 5_000  # a payment before the opening
    yield "the day before", accounts
    data = rows()
    month, payments, raised = "2017-03", 0, False
    for day in sorted({row.used for row in data} | {row.posted for row in data}):
        if day[:7] != month:
            month = day[:7]
            payments = _pay(cards, payments)
        if day >= "2017-10-01" and not raised:
            raised = True
            for card in cards:
                card.limit += card.limit // 2
        for row in data:
            _use(cards[row.card], row, day)
        yield day, accounts


def _pay(cards: list[Card], payments: int) -> int:
    """Let each card pay what it spent; return the number of payments so far."""
    for card in cards:
        if card.spent:
            payments += 1
            # Every 19th payment is returned, so it changes nothing.
            card.posted -= card.spent if payments % 19 else 0
            card.spent = 0
    return payments


def _use(card: Card, row: Row, day: str) -> None:
    """Apply a row of the file to its card on this day."""
    if row.posted == day:
        card.posted += row.pence
        # On the same day the clearing precedes the authorization, and nothing is held.
        card.pending -= row.held if row.used < day else 0
    if row.used == day:
        card.spent += max(0, row.pence)
        card.pending += row.held if row.posted > day else 0


def balances(api: RunningApi) -> dict[str, tuple[int, int, int, int]]:
    """Read limit, posted, pending and available of each card from the API."""
    found = {}
    for number in range(40):
        account = f"barnet-y1-card{number:02d}"
        response = api.client.get(f"/v1/accounts/{account}/balance").json()
        names = ("credit_limit", "posted", "pending", "available")
        found[account] = tuple(response[name] for name in names)
    return found


def messages(api: RunningApi, status: str) -> list[Any]:
    """Read the inbound messages with this status from the API, 50 at most."""
    response = api.client.get("/v1/inbound-messages", params={"status": status})
    found: list[Any] = response.raise_for_status().json()["items"]
    return found


@pytest.mark.long
def test_i2_the_real_year_has_the_balances_that_the_file_gives_day_by_day(
    database: TestDatabase, topics: str, service_env: dict[str, str]
) -> None:
    """Balances match to the penny, no hold remains, and sending the year again changes nothing."""
    health = free_port()
    env = {
        **service_env,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics,
        "TXPLATFORM_HEALTH_PORT": str(health),
    }
    with running_api(env) as api, Command("worker", env=env) as worker:
        worker.wait_ready()
        wait_until(
            lambda: httpx.get(f"http://127.0.0.1:{health}/readyz").is_success,
            message="the worker to be ready",
        )
        simulator = Simulator(
            api_url=api.url, api_key=api.key, kafka={"bootstrap.servers": topics}, days_per_s=0
        )
        asyncio.run(_send_and_compare(simulator, api, database))
        end = balances(api)
        assert all(pending == 0 for _, _, pending, _ in end.values())
        # Every 50th purchase is mistyped at first.
        purchases = [row for row in rows() if row.pence > 0]
        mistyped = sum(row.number % 50 == 0 for row in purchases)
        assert simulator.sent.decisions == {
            "approved": 4931 - 126,
            "insufficient_credit": mistyped,
        }

        again = Simulator(
            api_url=api.url, api_key=api.key, kafka={"bootstrap.servers": topics}, days_per_s=0
        )
        asyncio.run(again.run(plan(1)))
        assert again.sent.decisions == simulator.sent.decisions
        assert again.sent.messages == simulator.sent.messages
        wait_for_messages(database, 2 * simulator.sent.messages.total())
        assert balances(api) == end

        published = wait_until(
            lambda: _decisions(topics, at_least=4805 + mistyped), message="the published decisions"
        )
        declined = sorted(name for name, decision in published if decision == "declined")
        assert len(declined) == mistyped
        assert all(name.endswith("-mistyped") for name in declined)
        assert len({name for name, _ in published}) == 4805 + mistyped
        # Every message that came too early has been applied by now.
        assert not messages(api, "waiting")
        assert not messages(api, "parked")
        # The older limit of each card is stale the first time and a duplicate the second time.
        assert len(messages(api, "stale")) == 40
        assert worker.stop() == 0
        assert api.command.stop() == 0
    for words in (["verify"], ["rebuild", "--all"], ["verify"]):
        code, out, err = run_command(*words, env=env)
        assert code == 0, out + err


async def _send_and_compare(simulator: Simulator, api: RunningApi, database: TestDatabase) -> None:
    """Send the year day by day and compare the balances at the end of each day."""

    async def settled(_: Day) -> None:
        await asyncio.to_thread(wait_for_messages, database, simulator.sent.messages.total())

    days = 0
    for day, (name, cards) in zip(plan(1), expected(), strict=True):
        await simulator.run([day], settled=settled)
        touched = {message.key for message in day.messages}
        touched |= {purchase["account_id"] for purchase in day.purchases}
        for account in touched:
            response = api.client.get(f"/v1/accounts/{account}/balance").json()
            found = (response[each] for each in ("credit_limit", "posted", "pending", "available"))
            assert tuple(found) == cards[account].money, f"{account} on {name}"
        days += 1
    assert days > 300
    # The total of the file is 476,662.15 pounds; the rest was paid and not returned.
    paid = sum(card.posted for card in cards.values()) - 476_662_15
    assert paid < 0
    assert balances(api) == {account: card.money for account, card in cards.items()}


def _decisions(bootstrap: str, *, at_least: int) -> list[tuple[str, str]]:
    """Return each message's transaction id and decision, or nothing while there are too few."""
    bodies = [message.json for message in read_topic(bootstrap, DECISIONED)]
    found = [(body["transaction_id"], body["decision"]) for body in bodies]
    return found if len(found) >= at_least else []
