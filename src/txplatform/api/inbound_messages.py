"""`GET /v1/inbound-messages`: messages from Kafka and their outcomes."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.dependencies import ServicesOf, requires
from txplatform.api.openapi_entries import documented
from txplatform.api.responses import json_response
from txplatform.api_keys import Scope
from txplatform.contracts.fields import UrlId
from txplatform.contracts.inbound_messages import (
    InboundMessageResponse,
    InboundMessagesResponse,
    MessageStatus,
)
from txplatform.contracts.messages import INBOUND
from txplatform.inbox.reader import MAX_LIMIT, list_messages

router = APIRouter(prefix="/v1/inbound-messages", tags=["audit"])

_APPLIED = InboundMessageResponse(
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
    event_id="0198a3c2-9a02-7c11-8d55-6f2b1e9c0a33",
    account_version=3,
    flags=[],
    withheld=False,
    resolved_at=None,
    resolution=None,
)
EXAMPLES = (InboundMessagesResponse([_APPLIED], None),)


def _is_read(topic: str) -> str:
    if topic not in INBOUND:
        raise ValueError(f"is not one of {', '.join(INBOUND)}")
    return topic


TopicName = Annotated[str, AfterValidator(_is_read), Field(json_schema_extra={"enum": [*INBOUND]})]


@router.get(
    "",
    response_model=InboundMessagesResponse,
    dependencies=[requires(Scope.AUDIT_READ)],
    responses=documented(),
)
async def read_inbound_messages(  # noqa: PLR0913  # each is a filter of the contract
    services: ServicesOf,
    topic: Annotated[TopicName | None, Query(description="Filter by topic.")] = None,
    account_id: Annotated[UrlId | None, Query(description="Filter by account.")] = None,
    status: Annotated[MessageStatus | None, Query(description="Filter by current status.")] = None,
    before_id: Annotated[
        int | None,
        Query(ge=1, le=2**63 - 1, description="`next_before_id` of the previous page."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The maximum page size.")] = 50,
) -> Response:
    """Return messages from Kafka with their outcomes, newest first."""
    messages = await services.queries.run(
        partial(
            list_messages,
            topic=topic,
            account_id=account_id,
            status=status,
            before_id=before_id,
            limit=limit,
        )
    )
    more = messages[-1].id if len(messages) == limit else None
    return json_response(InboundMessagesResponse(messages, more))
