"""Carries out the deliveries of one channel: claims those that are due, and sends them.

A claim is a lease: if the process dies while it sends, another one sends again when the lease has
expired. So a recipient may get a delivery twice, and recognises it by the event id.
"""

import asyncio
import threading
from typing import LiteralString, NamedTuple, Protocol

import httpx
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry, Counter

from txbank.database import Database
from txbank.errors import TxBankError
from txbank.notifications.delivery import MOST_ATTEMPTS
from txbank.part import Health, retry_faults
from txbank.tracing import logger, traced

_IDLE_S = 0.25
_LEASE_S = 60
"""The time for one attempt. The time-outs of all channels are well below it."""
_BACK_OFF = 5
"""Each pause after a refusal is this many times as long as the one before."""


class RefusedError(TxBankError):
    """The recipient did not take a delivery, which fails after `MOST_ATTEMPTS` refusals."""


class UnavailableError(TxBankError):
    """A service of the bank that is needed for a delivery is down. The delivery waits for it."""


class Claimed(NamedTuple):
    """A delivery that this process sends. A mail has no URL and no secret."""

    delivery_id: int
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
        due: SQL that returns the ids of the deliveries to send next.
    """

    name: str
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
    """The worker that sends the deliveries of one channel."""

    def __init__(
        self, channel: Channel, database: Database, registry: CollectorRegistry, *, retry_s: float
    ) -> None:
        self.name = f"notifications {channel.name}"
        self.health = Health(ready=True, detail="starting")
        self._channel = channel
        self._database = database
        self._retry_s = retry_s
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
        async with self._channel.new_client() as http:
            while not stop.is_set():
                claimed = self._claim()
                faults = await asyncio.gather(*(self._attempt(http, each) for each in claimed))
                if not claimed:
                    stop.wait(_IDLE_S)
                waits_for = next(filter(None, faults), "")
                self.health = Health(ready=not waits_for, detail=waits_for or "delivering")

    def _claim(self) -> list[Claimed]:
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
                """
            )
            return [Claimed(**row) for row in rows]

    async def _attempt(self, http: httpx.AsyncClient, delivery: Claimed) -> str:
        """Send a delivery and note the outcome; return what is down, if it has to wait for that."""
        try:
            with traced(f"send {self._channel.name}", SpanKind.CLIENT, delivery.traceparent):
                await self._channel.send(http, delivery)
        except UnavailableError as error:
            self._note(delivery, "unavailable", str(error))
            return str(error)
        except RefusedError as error:
            self._note(delivery, "refused", str(error))
        except Exception as error:  # noqa: BLE001  # a defect fails this delivery, no other
            self._log.exception("delivery failed", delivery=delivery.delivery_id)
            self._note(delivery, "refused", f"{type(error).__name__}: {error}")
        else:
            self._note(delivery, "delivered")
        return ""

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
