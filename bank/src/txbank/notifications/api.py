"""The HTTP API of the notifications service."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from txbank.api_keys import requires
from txbank.database import DatabaseOf
from txbank.fields import IdPath
from txbank.idempotency import note_replay
from txbank.lists import Cursor, Cursors, Limit
from txbank.notifications import delivery, subscription
from txbank.notifications.delivery import Delivery, DeliveryState
from txbank.notifications.subscription import (
    NewSubscription,
    Subscription,
    SubscriptionWithSecret,
)
from txbank.strict_requests import StrictRoute

READ, WRITE = "notifications:read", "notifications:write"

router = APIRouter(prefix="/v1", tags=["notifications"], route_class=StrictRoute)

_LAST_ID = 2**63 - 1


class SubscriptionList(BaseModel):
    """All subscriptions, oldest first."""

    items: list[Subscription]


class DeliveryPage(BaseModel):
    """A page of deliveries, oldest first. `next_cursor` is null on the last page."""

    items: Sequence[Delivery]
    next_cursor: str | None


def _internal_allowed(request: Request) -> bool:
    allowed: bool = request.app.state.internal_allowed
    return allowed


@router.post("/subscriptions", status_code=201, dependencies=[requires(WRITE)])
def subscribe(
    database: DatabaseOf,
    response: Response,
    body: NewSubscription,
    *,
    internal_allowed: Annotated[bool, Depends(_internal_allowed)],
) -> SubscriptionWithSecret:
    """Subscribe a webhook. The same id with the same content returns the first response, with 200.

    Keep the secret: no other call returns it.
    """
    with database.transaction() as connection:
        found, replayed = subscription.subscribe(
            connection, body, internal_allowed=internal_allowed
        )
    note_replay(response, replayed=replayed, status=200)
    return found


@router.get("/subscriptions", dependencies=[requires(READ)])
def list_subscriptions(database: DatabaseOf) -> SubscriptionList:
    """List all subscriptions, oldest first."""
    with database.transaction() as connection:
        return SubscriptionList(items=subscription.list_subscriptions(connection))


@router.delete("/subscriptions/{subscription_id}", status_code=204, dependencies=[requires(WRITE)])
def unsubscribe(database: DatabaseOf, subscription_id: IdPath) -> None:
    """Delete a subscription, and its deliveries that wait or have failed."""
    with database.transaction() as connection:
        subscription.unsubscribe(connection, subscription_id)


@router.get("/deliveries", dependencies=[requires(READ)])
def list_deliveries(
    database: DatabaseOf,
    state: DeliveryState = DeliveryState.FAILED,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> DeliveryPage:
    """List the deliveries that failed, or that wait, oldest first."""
    cursors = Cursors("deliveries", state=state)
    after = cursors.read(cursor, int)
    with database.transaction() as connection:
        found = delivery.list_deliveries(connection, state, after=after or 0, limit=limit + 1)
    items, next_cursor = cursors.page(found, limit, attrgetter("delivery_id"))
    return DeliveryPage(items=items, next_cursor=next_cursor)


@router.post("/deliveries/{delivery_id}/retry", dependencies=[requires(WRITE)])
def retry_delivery(
    database: DatabaseOf, delivery_id: Annotated[int, Path(ge=1, le=_LAST_ID)]
) -> Delivery:
    """Try a delivery again at once. It gets as many attempts as a new one."""
    with database.transaction() as connection:
        return delivery.retry(connection, delivery_id)
