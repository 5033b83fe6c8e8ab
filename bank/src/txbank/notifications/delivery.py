"""Deliveries: an event on its way to one recipient, until the recipient has it or it failed.

The rows of an event are made in the transaction that stores its event id, so there is one for each
recipient. `deliverer.py` sends them.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from pydantic import BaseModel, Field

from txbank.database import Connection
from txbank.errors import TxBankError
from txbank.notifications.texts import is_told
from txbank.tracing import traceparent
from txplatform_client.kafka import Envelope, Message

MOST_ATTEMPTS = 3
"""After so many refusals by the recipient, a delivery has failed."""

FORGET_AT_ONCE = 1000
"""The number of failed deliveries that are deleted in one transaction."""


class DeliveryNotFoundError(TxBankError):
    """No delivery that waits or has failed has this id."""


class DeliveryState(StrEnum):
    """The state of a delivery. One that has arrived is deleted."""

    WAITING = "waiting"
    FAILED = "failed"


class Delivery(BaseModel):
    """A delivery that waits or has failed."""

    delivery_id: int
    subscription_id: str | None = Field(description="Null if the cardholder is told, by e-mail.")
    event_id: str
    topic: str
    account_id: str
    state: DeliveryState
    attempts: int = Field(description="How often the recipient refused it.")
    last_error: str | None
    next_attempt_at: datetime = Field(description="Meaningless if the delivery has failed.")
    created_at: datetime


def record(connection: Connection, envelope: Envelope[Message]) -> None:
    """Record an event for the cardholder and all subscribers of its topic."""
    message = envelope.message
    connection.execute(
        """
        INSERT INTO deliveries (subscription_id, event_id, topic, account_id, body, traceparent)
        SELECT subscription_id, %(event_id)s, %(topic)s, %(account_id)s, %(body)s, %(traceparent)s
        FROM (
            SELECT NULL AS subscription_id WHERE %(told)s
            UNION ALL
            SELECT subscription_id FROM subscriptions WHERE %(topic)s = ANY (topics)
        ) AS recipients CROSS JOIN installation WHERE %(time)s >= installed_at
        """,
        {
            "event_id": envelope.event_id,
            "topic": envelope.topic,
            "account_id": message.account_id,
            "body": msgspec.json.encode(message),
            "traceparent": traceparent(),
            "told": is_told(message),
            "time": time_of(message),
        },
    )


def time_of(message: Message) -> datetime:
    """Return the time at which the platform decided or recorded an event."""
    times = (getattr(message, name, None) for name in ("recorded_at", "decided_at"))
    time: datetime = next(filter(None, times))
    return time


def list_deliveries(
    connection: Connection, state: DeliveryState, *, after: int, limit: int
) -> list[Delivery]:
    """Return the deliveries in a state, oldest first, beginning after the id `after`."""
    rows = connection.execute(
        "SELECT * FROM deliveries WHERE state = %s AND delivery_id > %s"
        " ORDER BY delivery_id LIMIT %s",
        (state, after, limit),
    )
    return [Delivery(**row) for row in rows]


def retry(connection: Connection, delivery_id: int) -> Delivery:
    """Try a delivery again at once. It gets as many attempts as a new one.

    Raises:
        DeliveryNotFoundError: No delivery that waits or has failed has this id.
    """
    row = connection.execute(
        "UPDATE deliveries SET state = 'waiting', attempts = 0, next_attempt_at = now()"
        " WHERE delivery_id = %s RETURNING *",
        (delivery_id,),
    ).fetchone()
    if row is None:
        raise DeliveryNotFoundError(
            f"No delivery {delivery_id} waits or has failed.",
            why="Its recipient may have it by now.",
            next_step="GET /v1/deliveries lists what waits or has failed.",
        )
    return Delivery(**row)


def forget_failed(connection: Connection, older_than: timedelta) -> int:
    """Delete up to `FORGET_AT_ONCE` deliveries that failed longer ago, and return their number."""
    return connection.execute(
        "DELETE FROM deliveries WHERE delivery_id IN ("
        " SELECT delivery_id FROM deliveries WHERE state = 'failed'"
        " AND next_attempt_at < now() - %s ORDER BY delivery_id LIMIT %s) AND state = 'failed'",
        (older_than, FORGET_AT_ONCE),
    ).rowcount
