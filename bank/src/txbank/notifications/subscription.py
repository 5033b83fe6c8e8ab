"""Subscriptions: which webhook gets the events of which topics, and the secret that signs them."""

import secrets
from base64 import b64encode
from datetime import datetime
from typing import Annotated
from uuid import uuid4

import httpx
from pydantic import AfterValidator, BaseModel, Field

from txbank.database import Connection
from txbank.errors import TxBankError
from txbank.fields import Id, RequestBody
from txbank.idempotency import check_same
from txbank.notifications.webhook_address import checked_address
from txplatform_client.kafka.outbound import OUTBOUND

TOPICS = tuple(each.TOPIC for each in OUTBOUND)
"""The topics that can be subscribed to: all that the platform publishes."""

_SECRET_BYTES = 32


class SubscriptionNotFoundError(TxBankError):
    """No subscription has this id."""


def _topics(given: tuple[str, ...]) -> tuple[str, ...]:
    if not set(given) <= set(TOPICS):
        raise ValueError(f"have one that is none of {', '.join(TOPICS)}")
    return tuple(sorted(set(given)))


def _url(given: str) -> str:
    try:
        return str(httpx.URL(given))
    except httpx.InvalidURL:
        raise ValueError("is not a URL such as https://example.com/hook") from None


class NewSubscription(RequestBody):
    """A request for webhooks. Without an id the service chooses one."""

    subscription_id: Id | None = None
    url: Annotated[str, Field(max_length=2000), AfterValidator(_url)] = Field(
        description="A public https URL."
    )
    topics: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_topics)] = Field(
        default=TOPICS, description="The platform's topics; by default all."
    )


class Subscription(BaseModel):
    """A webhook that gets the events of some topics."""

    subscription_id: str
    url: str
    topics: tuple[str, ...]
    created_at: datetime


class SubscriptionWithSecret(Subscription):
    """A subscription, with the key that verifies its webhooks (Standard Webhooks)."""

    secret: str = Field(description="`whsec_` and the key in Base64.")


def subscribe(
    connection: Connection, wanted: NewSubscription, *, internal_allowed: bool
) -> tuple[SubscriptionWithSecret, bool]:
    """Make a subscription; return it, and whether it had been made before.

    Raises:
        WebhookRefusedError: The address is not allowed.
        IdReusedError: The id belongs to a subscription with other content.
    """
    checked_address(httpx.URL(wanted.url), internal_allowed=internal_allowed)
    subscription_id = wanted.subscription_id or f"sub-{uuid4()}"
    secret = f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"
    inserted = connection.execute(
        "INSERT INTO subscriptions VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (subscription_id, wanted.url, list(wanted.topics), secret),
    )
    row = connection.execute(
        "SELECT * FROM subscriptions WHERE subscription_id = %s", (subscription_id,)
    ).fetchone()
    assert row is not None
    found = SubscriptionWithSecret(**row)
    check_same(
        "subscription_id",
        wanted.model_copy(update={"subscription_id": subscription_id}),
        found.model_dump(),
    )
    return found, not inserted.rowcount


def list_subscriptions(connection: Connection) -> list[Subscription]:
    """Return all subscriptions, oldest first."""
    rows = connection.execute("SELECT * FROM subscriptions ORDER BY created_at, subscription_id")
    return [Subscription(**row) for row in rows]


def unsubscribe(connection: Connection, subscription_id: str) -> None:
    """Delete a subscription, and what was still to be sent to it.

    Raises:
        SubscriptionNotFoundError: No subscription has this id.
    """
    deleted = connection.execute(
        "DELETE FROM subscriptions WHERE subscription_id = %s", (subscription_id,)
    )
    if not deleted.rowcount:
        raise SubscriptionNotFoundError(
            f"There is no subscription {subscription_id}.", next_step="Check the id."
        )
