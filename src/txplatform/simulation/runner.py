"""Send a plan to a running platform: purchases over HTTP, messages over Kafka."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import orjson
from confluent_kafka import Producer

from txplatform.errors import TxPlatformError
from txplatform.simulation.plan import Day, Message

_CONNECTIONS = 16
_RETRY_S = 0.5
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
    """

    decisions: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    day: str = ""


class Simulator:
    """Sends plans day by day, and updates the counts in `sent`.

    Args:
        api_key: A key with the scope transactions:write.
        kafka: librdkafka's configuration properties.
        days_per_s: Simulated days per second; 0 means no limit.
    """

    def __init__(
        self, *, api_url: str, api_key: str, kafka: Mapping[str, Any], days_per_s: float
    ) -> None:
        self.sent = Sent()
        self._api_url = api_url
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._producer = Producer({**kafka, "enable.idempotence": True})
        self._day_s = 1 / days_per_s if days_per_s else 0.0

    async def run(
        self, days: Iterable[Day], *, settled: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Send each day's messages and then the day's purchases, one at a time for each account.

        Args:
            days: The plan.
            settled: Called after a day's messages; has to wait until the platform has applied them.
                If None, the platform may process a day's messages and purchases in any order, as in
                production.

        Raises:
            SimulationError: A purchase got an error other than 503, or a message was not
                delivered.
        """
        limits = httpx.Limits(max_connections=_CONNECTIONS)
        async with httpx.AsyncClient(
            base_url=self._api_url, headers=self._headers, limits=limits, timeout=60
        ) as client:
            for day in days:
                started = asyncio.get_running_loop().time()
                self.sent.day = str(day.date)
                await self.send_messages(day.messages)
                if settled is not None and day.messages:
                    await settled()
                by_account = defaultdict(list)
                for purchase in day.purchases:
                    by_account[purchase["account_id"]].append(purchase)
                await asyncio.gather(
                    *(self._buy(client, purchases) for purchases in by_account.values())
                )
                took = asyncio.get_running_loop().time() - started
                await asyncio.sleep(max(0.0, self._day_s - took))

    async def send_messages(self, messages: Iterable[Message]) -> None:
        """Send messages and wait until the broker has stored them.

        Raises:
            SimulationError: At least one message was not delivered.
        """
        failed: list[Any] = []

        def delivered(error: Any, _: Any) -> None:
            if error is not None:
                failed.append(error)

        for message in messages:
            self._producer.produce(
                message.topic,
                orjson.dumps(message.body),
                message.key,
                headers=_cloudevent(message),
                on_delivery=delivered,
            )
            self.sent.messages[message.topic] += 1
        left = await asyncio.to_thread(self._producer.flush, _FLUSH_S)
        if left or failed:
            raise SimulationError(
                f"{left + len(failed)} messages were not delivered.",
                why=f"{failed[0]}." if failed else "The brokers did not respond in time.",
                next_step="Check that Kafka is running and that the topics exist.",
            )

    async def _buy(self, client: httpx.AsyncClient, purchases: Iterable[dict[str, Any]]) -> None:
        for purchase in purchases:
            reasons = (await _decide(client, purchase))["reasons"]
            self.sent.decisions[reasons[0]["code"] if reasons else "approved"] += 1


async def _decide(client: httpx.AsyncClient, purchase: dict[str, Any]) -> dict[str, Any]:
    while True:
        try:
            response = await client.post("/v1/process-transaction", json=purchase)
        except httpx.TransportError:
            await asyncio.sleep(_RETRY_S)
            continue
        if response.status_code == httpx.codes.OK:
            decision: dict[str, Any] = response.json()
            return decision
        if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            raise SimulationError(
                f"The API returned {response.status_code}: {response.text}",
                next_step="Check the API's URL and the scopes of the key.",
            )
        await asyncio.sleep(float(response.headers.get("Retry-After", _RETRY_S)))


def _cloudevent(message: Message) -> list[tuple[str, str | bytes | None]]:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(uuid4()).encode()),
        ("ce_source", b"/simulation"),
        ("ce_type", message.topic.encode()),
        ("ce_subject", message.key.encode()),
        ("ce_time", datetime.now(UTC).isoformat().encode()),
        ("content-type", b"application/json"),
    ]
