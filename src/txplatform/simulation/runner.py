"""Send a plan to a running platform: purchases over HTTP, messages over Kafka."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import msgspec
from confluent_kafka import Producer

from txplatform.errors import TxPlatformError
from txplatform.simulation.plan import Day, Message
from txplatform_client import AsyncClient, Purchase, TxPlatformClientError
from txplatform_client.kafka import TOPICS, build

_CONNECTIONS = 16
_TIMEOUT_S = 60
_OUTAGE_S = 600
_FLUSH_S = 30


class SimulationError(TxPlatformError):
    """Raised if the platform refused a purchase, or a message was not delivered."""


@dataclass(slots=True)
class Sent:
    """Counts of what a simulation has sent so far.

    Attributes:
        decisions: Approvals, counted under `approved`, and declines, under their first reason.
        messages: The number of messages by topic.
        day: The current simulated day, `YYYY-MM-DD`; empty before the first day.
        next_offsets: The offset after the last message that was sent, by topic and partition.
    """

    decisions: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    day: str = ""
    next_offsets: dict[tuple[str, int], int] = field(default_factory=dict)


class Simulator:
    """Sends plans day by day, and updates the counts in `sent`.

    Args:
        api_key: A key with the scope transactions:write.
        kafka: librdkafka's configuration properties.
        days_per_s: The most days of the calendar per second; 0 means no limit.
        explain: Returns the cause that the Kafka client reported, or else the words given.
        book: Called with each day's messages; returns those that are left to send. If None, all are
            sent.
    """

    def __init__(  # noqa: PLR0913  # given by name
        self,
        *,
        api_url: str,
        api_key: str,
        kafka: Mapping[str, Any],
        days_per_s: float,
        explain: Callable[[str], str] = str,
        book: Callable[[Sequence[Message]], Awaitable[Sequence[Message]]] | None = None,
    ) -> None:
        self.sent = Sent()
        self._api_url = api_url
        self._api_key = api_key
        self._producer = Producer({**kafka, "enable.idempotence": True})
        self._explain = explain
        self._day_s = 1 / days_per_s if days_per_s else 0.0
        self._book = book
        self._reached: tuple[date, float] | None = None
        """The day before, and when it began by the event loop's clock."""

    async def run(
        self,
        days: Iterable[Day],
        *,
        begin: Callable[[Day], Awaitable[None]] | None = None,
        settled: Callable[[Day], Awaitable[None]] | None = None,
    ) -> None:
        """Send each day's messages and then the day's purchases, one at a time for each account.

        Args:
            days: The plan.
            begin: Called when a day begins.
            settled: Called after a day's messages; has to wait until the platform has applied them.
                If None, the platform may process a day's messages and purchases in any order, as in
                production.

        Raises:
            SimulationError: A purchase was refused, the API was away for long, or a message was not
                delivered.
        """
        try:
            async with httpx.AsyncClient(limits=httpx.Limits(max_connections=_CONNECTIONS)) as http:
                client = AsyncClient(
                    self._api_url,
                    self._api_key,
                    timeout_s=_TIMEOUT_S,
                    deadline_s=_OUTAGE_S,
                    http=http,
                )
                for day in days:
                    await self._wait_until(day.date)
                    if begin is not None:
                        await begin(day)
                    await self._send(day, client, settled)
        except TxPlatformClientError as error:
            raise SimulationError(f"The API cannot be used: {error}") from error

    async def _wait_until(self, day: date) -> None:
        """Wait until the day may begin. Time that was lost is not made up for."""
        loop = asyncio.get_running_loop()
        if self._reached is not None:
            before, began_at = self._reached
            due_at = began_at + max(0, (day - before).days) * self._day_s
            await asyncio.sleep(max(0.0, due_at - loop.time()))
        self._reached = day, loop.time()

    async def _send(
        self, day: Day, client: AsyncClient, settled: Callable[[Day], Awaitable[None]] | None
    ) -> None:
        self.sent.day = str(day.date)
        messages = day.messages if self._book is None else await self._book(day.messages)
        await self.send_messages(messages)
        if settled is not None and day.messages:
            await settled(day)
        by_account = defaultdict(list)
        for purchase in day.purchases:
            by_account[purchase["account_id"]].append(purchase)
        await asyncio.gather(*(self._buy(client, each) for each in by_account.values()))

    async def send_messages(self, messages: Iterable[Message]) -> None:
        """Send messages and wait until the broker has stored them.

        Raises:
            SimulationError: At least one message was not delivered.
        """
        failed: list[Any] = []

        def delivered(error: Any, stored: Any) -> None:
            if error is not None:
                failed.append(error)
            else:
                place = stored.topic(), stored.partition()
                next_offset = stored.offset() + 1
                self.sent.next_offsets[place] = max(
                    next_offset, self.sent.next_offsets.get(place, 0)
                )

        for message in messages:
            body = msgspec.convert(message.body, TOPICS[message.topic])
            record = build(body, source="/simulation")
            self._producer.produce(**record._asdict(), on_delivery=delivered)
            self.sent.messages[message.topic] += 1
        left = await asyncio.to_thread(self._producer.flush, _FLUSH_S)
        if left or failed:
            raise SimulationError(
                f"{left + len(failed)} messages were not delivered.",
                why=f"{failed[0].str()}."
                if failed
                else f"{self._explain('The brokers did not respond in time')}.",
                next_step="Check that Kafka is running and that the topics exist.",
            )

    async def _buy(self, client: AsyncClient, purchases: Iterable[dict[str, Any]]) -> None:
        for purchase in purchases:
            decision = await client.decide_purchase(msgspec.convert(purchase, Purchase))
            first = decision.reasons[0].code if decision.reasons else decision.decision
            self.sent.decisions[first] += 1
