"""`GET /v1/inbound-messages`: messages from Kafka and their outcomes."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.dependencies import ServicesOf, requires
from txplatform.api.lists import Cursor, Limit, documented_list
from txplatform.api.responses import json_response
from txplatform.api_keys import ApiKey, Scope
from txplatform.contracts.fields import BodyId, UrlId
from txplatform.contracts.inbound_messages import (
    InboundMessageResponse,
    InboundMessagesResponse,
    MessageStatus,
)
from txplatform.contracts.inbound_resolutions import TopicName
from txplatform.inbox.message_list import inbound_cursors, list_messages

router = APIRouter(prefix="/v1/inbound-messages", tags=["audit"])

EXAMPLE = InboundMessageResponse(
    id=17,
    cluster_id="MkU3OEVBNTcwNTJENDM2Qg",
    topic="payments.payment-submitted.v1",
    partition=3,
    offset=205,
    sent_at=examples.AT,
    received_at=examples.AT,
    traceparent=examples.TRACEPARENT,
    account_id=examples.ACCOUNT,
    business_key="payment:pay-7",
    status=MessageStatus.APPLIED,
    reason=None,
    detail=None,
    event_id="0198a3c29a027c118d556f2b1e9c0a33",
    account_version=3,
    flags=[],
    withheld=False,
    resolved_at=None,
    resolved_by=None,
    resolution=None,
)
EXAMPLES = (InboundMessagesResponse([EXAMPLE], inbound_cursors().write(EXAMPLE.id)),)


@router.get(
    "",
    response_model=InboundMessagesResponse,
    responses=documented_list(),
)
async def read_inbound_messages(  # noqa: PLR0913  # each is a filter of the contract
    services: ServicesOf,
    key: Annotated[ApiKey, requires(Scope.AUDIT_READ, checks_accounts=True)],
    topic: Annotated[TopicName | None, Query(description="Filter by topic.")] = None,
    account_id: Annotated[UrlId | None, Query(description="Filter by account.")] = None,
    status: Annotated[MessageStatus | None, Query(description="Filter by current status.")] = None,
    business_id: Annotated[
        BodyId | None,
        Query(description="Filter by the id in the body: a `payment_id`, or an opening's account."),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return messages from Kafka with their outcomes, in order of arrival.

    Every page has a cursor, with which a reader can ask for later messages. A message is listed at
    the place where it arrived, even if its outcome changes later. A key that is limited to accounts
    gets their messages only.
    """
    messages = await services.queries.run(
        partial(
            list_messages,
            topic=topic,
            account_id=account_id,
            status=status,
            business_id=business_id,
            limit=limit,
            cursor=cursor,
            accounts=key.accounts,
        )
    )
    return json_response(messages)
