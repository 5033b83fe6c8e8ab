"""Carries out the deliveries of one channel: claims those that are due, and sends them.

A claim is a lease: if the process dies while it sends, another one sends again when the lease has
expired. So a recipient may get a delivery twice, and recognises it by the event id.
"""

import asyncio
import threading
import time
import traceback
from collections.abc import Iterable
from datetime import timedelta
from typing import LiteralString, NamedTuple, Protocol

import httpx
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry, Counter

from txbank.database import Database
from txbank.errors import TxBankError
from txbank.notifications.delivery import FORGET_AT_ONCE, MOST_ATTEMPTS, forget_failed
from txbank.part import Health, retry_faults
from txbank.tracing import logger, traced

_IDLE_S = 0.25
_LEASE_S = 60
"""The time for one attempt. The time-outs of all channels are well below it."""
_BACK_OFF = 5
"""Each pause after a refusal is this many times as long as the one before."""
_FORGET_EVERY_S = 3600


class RefusedError(TxBankError):
    """The recipient did not take a delivery, which fails after `MOST_ATTEMPTS` refusals."""


class UnavailableError(TxBankError):
    """A service of the bank that is needed for a delivery is down. The delivery waits for it."""


class Claimed(NamedTuple):
    """A delivery that this process sends. A mail has no URL and no secret."""

    delivery_id: int
    subscription_id: str | None
    event_id: str
    topic: str
    account_id: str
    body: bytes
    traceparent: str
    url: str
    secret: str


class Channel(Protocol):
    """A way to reach recipients.

    Attributes:
        name: The name of the channel.
        at_once: The largest number of deliveries that are sent at the same time.
        due: SQL that returns the ids of the deliveries to send next, at most `free` many. The
            parameter `running` has the subscription of each delivery that is being sent.
    """

    name: str
    at_once: int
    due: LiteralString

    def new_client(self) -> httpx.AsyncClient:
        """Return the HTTP client that `send` uses."""

    async def send(self, http: httpx.AsyncClient, delivery: Claimed) -> None:
        """Send a delivery.

        Raises:
            RefusedError: The recipient did not take it.
            UnavailableError: A service that the delivery needs is down.
        """


class Deliverer:
    """The worker that sends the deliveries of one channel. None of them waits for another."""

    def __init__(
        self,
        channel: Channel,
        database: Database,
        registry: CollectorRegistry,
        *,
        retry_s: float,
        failed_for: timedelta,
    ) -> None:
        self.name = f"notifications {channel.name}"
        self.health = Health(ready=True, detail="starting")
        self._channel = channel
        self._database = database
        self._retry_s = retry_s
        self._failed_for = failed_for
        self._forget_at = 0.0
        self._waits_for = ""
        self._log = logger(self.name)
        self._outcomes = Counter(
            f"txbank_notifications_{channel.name}",
            "Attempts to deliver, by outcome.",
            ["outcome"],
            registry=registry,
        )

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set, through faults of the database."""
        retry_faults(self, lambda stop: asyncio.run(self._deliver(stop)), stop)

    async def _deliver(self, stop: threading.Event) -> None:
        running: dict[asyncio.Task[None], Claimed] = {}
        async with self._channel.new_client() as http:
            try:
                while not stop.is_set():
                    self._forget_failed()
                    for delivery in self._claim(running.values()):
                        running[asyncio.create_task(self._attempt(http, delivery))] = delivery
                    for ended in await _wait(running):
                        del running[ended]
                        ended.result()  # raises a fault of the database
                    detail = self._waits_for or "delivering"
                    self.health = Health(ready=not self._waits_for, detail=detail)
            finally:
                # Each ends by its time-outs. If one cannot be noted, its lease ends.
                await asyncio.gather(*running, return_exceptions=True)

    def _forget_failed(self) -> None:
        """Delete some of the failed deliveries that are old, once an hour all of them."""
        if time.monotonic() >= self._forget_at:
            with self._database.transaction() as connection:
                if forget_failed(connection, self._failed_for) < FORGET_AT_ONCE:
                    self._forget_at = time.monotonic() + _FORGET_EVERY_S

    def _claim(self, running: Iterable[Claimed]) -> list[Claimed]:
        subscriptions = [each.subscription_id for each in running]
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"""
                WITH claimed AS (
                    UPDATE deliveries SET next_attempt_at = now() + '{_LEASE_S} s'::interval
                    WHERE delivery_id IN ({self._channel.due})
                    AND state = 'waiting' AND next_attempt_at <= now() RETURNING *
                )
                SELECT {", ".join(Claimed._fields)}
                FROM claimed LEFT JOIN subscriptions USING (subscription_id) ORDER BY delivery_id
                """,
                {"free": self._channel.at_once - len(subscriptions), "running": subscriptions},
            )
            return [Claimed(**row) for row in rows]

    async def _attempt(self, http: httpx.AsyncClient, delivery: Claimed) -> None:
        """Send a delivery and note the outcome, and what is down if it has to wait for that."""
        waits_for = ""
        try:
            with traced(f"send {self._channel.name}", SpanKind.CLIENT, delivery.traceparent):
                await self._send(http, delivery)
        except UnavailableError as error:
            waits_for = str(error)
            self._note(delivery, "unavailable", waits_for)
        except RefusedError as error:
            self._note(delivery, "refused", str(error))
        else:
            self._note(delivery, "delivered")
        self._waits_for = waits_for

    async def _send(self, http: httpx.AsyncClient, delivery: Claimed) -> None:
        """Send a delivery. A defect refuses this one, and holds up no other.

        The text of a defect is not stored, since it may have personal data.
        """
        try:
            await self._channel.send(http, delivery)
        except (RefusedError, UnavailableError):
            raise
        except Exception as defect:  # noqa: BLE001  # refuses this delivery
            kind, where = type(defect).__name__, traceback.format_tb(defect.__traceback__)
            self._log.error(
                "delivery failed", delivery=delivery.delivery_id, kind=kind, where="".join(where)
            )
            raise RefusedError(
                f"The attempt failed unexpectedly: {kind}.",
                next_step=f"The log line of delivery {delivery.delivery_id} says where.",
            ) from None

    def _note(self, delivery: Claimed, outcome: str, error: str = "") -> None:
        self._outcomes.labels(outcome).inc()
        with self._database.transaction() as connection:
            if outcome == "delivered":
                connection.execute(
                    "DELETE FROM deliveries WHERE delivery_id = %s", (delivery.delivery_id,)
                )
                return
            connection.execute(
                """
                UPDATE deliveries SET last_error = %(error)s, attempts = attempts + %(counts)s,
                    state = CASE WHEN attempts + %(counts)s < %(most)s THEN 'waiting'
                        ELSE 'failed' END,
                    next_attempt_at = now() + make_interval(
                        secs => %(retry_s)s * %(back_off)s ^ (attempts * %(counts)s))
                WHERE delivery_id = %(id)s
                """,
                {
                    "id": delivery.delivery_id,
                    "error": error,
                    "counts": int(outcome == "refused"),
                    "most": MOST_ATTEMPTS,
                    "retry_s": self._retry_s,
                    "back_off": _BACK_OFF,
                },
            )


async def _wait(running: Iterable[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Wait until one of the tasks ends, but not for long; return those that have ended."""
    tasks = set(running)
    if not tasks:
        await asyncio.sleep(_IDLE_S)
        return tasks
    ended, _ = await asyncio.wait(tasks, timeout=_IDLE_S, return_when=asyncio.FIRST_COMPLETED)
    return ended
