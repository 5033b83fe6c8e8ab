"""The real data end to end: sent over HTTP and Kafka, and counted again from the file.

What is expected is computed here, from the file alone, by code that shares nothing with the
product: the rules of the simulation are written down a second time.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from harness.api import running_api
from harness.inbound import wait_for_messages
from harness.ports import free_port
from harness.processes import Command, run_command
from harness.published import read_topic
from harness.waiting import wait_until
from txplatform.simulation.plan import plan
from txplatform.simulation.runner import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api import RunningApi
    from harness.postgres import TestDatabase

FILE = (
    Path(__file__).parents[2] / "src/txplatform/simulation/data/barnet-purchasing-cards-2017-18.csv"
)
DECISIONED = "transactions.transaction-decisioned.v1"


@dataclass
class Card:
    """One card's money, pence.

    Attributes:
        spent: What was asked for since it last paid, declined or not.
    """

    limit: int
    posted: int = 0
    pending: int = 0
    spent: int = 0
    declined: list[str] = field(default_factory=list)

    def buy(self, transaction_id: str, pence: int) -> None:
        """Approved where it fits."""
        self.spent += pence
        if pence <= self.limit - self.posted - self.pending:
            self.pending += pence
        else:
            self.declined.append(transaction_id)


def rows() -> Iterator[tuple[str, int, str, int]]:
    """ISO date, row number, merchant and city, pence; by day, refunds left out."""
    found = []
    with FILE.open(encoding="latin-1", newline="") as file:
        for number, row in enumerate(csv.reader(file)):
            if number == 0:
                continue
            day, month, year = row[0].split("/")
            pounds, pence = row[2].replace(",", "").split(".")
            if not pounds.startswith("-"):
                amount = int(pounds or 0) * 100 + int(pence)  # `.99` as found
                found.append((f"20{year}-{month}-{day}", number, f"{row[3]}|{row[4]}", amount))
    yield from sorted(found)


def expected() -> dict[str, Card]:
    """Every account's money at the year's end."""
    cards = [Card((60_000, 120_000, 250_000, 500_000)[number % 4]) for number in range(40)]
    for card in cards[::10]:
        card.posted -= 5_000  # paid before the account was opened
    month, payments, raised = "2017-04", 0, False
    for day, number, where, pence in rows():
        if day[:7] != month:
            month = day[:7]
            for card in cards:
                if card.spent:
                    payments += 1
                    # Each nineteenth payment is returned: it counts for nothing.
                    card.posted -= card.spent if payments % 19 else 0
                    card.spent = 0
        if day >= "2017-10-01" and not raised:
            raised = True
            for card in cards:
                card.limit += card.limit // 2
        drawn = int(hashlib.sha256(where.encode()).hexdigest()[:8], 16) % 40
        cards[drawn].buy(f"barnet-y1-tx{number:04d}", pence)
    return {f"barnet-y1-card{number:02d}": card for number, card in enumerate(cards)}


def balances(api: RunningApi) -> dict[str, tuple[int, int, int, int]]:
    """Limit, posted, pending and available of each card, as the API answers."""
    found = {}
    for number in range(40):
        account = f"barnet-y1-card{number:02d}"
        answer = api.client.get(f"/v1/accounts/{account}/balance").json()
        names = ("credit_limit", "posted", "pending", "available")
        found[account] = tuple(answer[name] for name in names)
    return found


def messages(api: RunningApi, status: str) -> list[Any]:
    """The inbound messages of which this became, as the API answers; 50 at most."""
    answer = api.client.get("/v1/inbound-messages", params={"status": status})
    found: list[Any] = answer.raise_for_status().json()["messages"]
    return found


def test_i2_the_real_year_ends_with_the_balances_that_the_file_gives(
    database: TestDatabase, topics: str, service_env: dict[str, str]
) -> None:
    """To the penny; and sent again as a whole, in any order, it changes nothing."""
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

        async def settled() -> None:
            sent = simulator.sent.messages.total()
            await asyncio.to_thread(wait_for_messages, database, sent)

        asyncio.run(simulator.run(plan(1), settled=settled))
        cards = expected()
        declined = sorted(name for card in cards.values() for name in card.declined)
        money = {
            account: (
                card.limit,
                card.posted,
                card.pending,
                card.limit - card.posted - card.pending,
            )
            for account, card in cards.items()
        }
        assert balances(api) == money
        assert simulator.sent.decisions == {
            "approved": 4805 - len(declined),
            "insufficient_credit": len(declined),
        }
        # The year has to show declines at all: a few in a hundred.
        assert 0.02 < len(declined) / 4805 < 0.08

        again = Simulator(
            api_url=api.url, api_key=api.key, kafka={"bootstrap.servers": topics}, days_per_s=0
        )
        asyncio.run(again.run(plan(1)))
        assert again.sent == simulator.sent
        wait_for_messages(database, 2 * simulator.sent.messages.total())
        assert balances(api) == money

        published = wait_until(
            lambda: _decisions(topics, at_least=4805), message="the published decisions"
        )
        assert sorted(name for name, decision in published if decision == "declined") == declined
        assert len({name for name, _ in published}) == 4805
        # What came too early has been applied since, and nothing was refused.
        assert not messages(api, "waiting")
        assert not messages(api, "parked")
        # Each card's older limit, once: the second time it is a copy.
        assert len(messages(api, "stale")) == 40
        assert worker.stop() == 0
        assert api.command.stop() == 0
    for words in (["verify"], ["rebuild", "--all"], ["verify"]):
        code, out, err = run_command(*words, env=env)
        assert code == 0, out + err


def _decisions(bootstrap: str, *, at_least: int) -> list[tuple[str, str]]:
    """Transaction and decision of each published message, once there are so many."""
    bodies = [message.json for message in read_topic(bootstrap, DECISIONED)]
    found = [(body["transaction_id"], body["decision"]) for body in bodies]
    return found if len(found) >= at_least else []
