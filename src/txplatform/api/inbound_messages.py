"""`GET /v1/inbound-messages`: what became of each message from Kafka."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field
from starlette.responses import Response

from txplatform.api.dependencies import ServicesOf, requires
from txplatform.api.problems import documented
from txplatform.api_keys import Scope
from txplatform.consumers import TOPICS
from txplatform.contracts.encoding import to_json
from txplatform.contracts.fields import Identifier
from txplatform.inbox.message_outcome import MessageStatus
from txplatform.inbox.reader import MAX_LIMIT, InboundMessage, list_messages

router = APIRouter(prefix="/v1/inbound-messages", tags=["audit"])


def _is_read(topic: str) -> str:
    if topic not in TOPICS:
        raise ValueError(f"is none of {', '.join(TOPICS)}")
    return topic


TopicName = Annotated[str, AfterValidator(_is_read), Field(json_schema_extra={"enum": [*TOPICS]})]


@dataclass(frozen=True, slots=True)
class InboundMessagePage:
    """Messages, the newest first.

    Attributes:
        next_before_id: Ask for what is `before_id` it; null at the end.
    """

    messages: list[InboundMessage]
    next_before_id: int | None


@router.get(
    "",
    response_model=InboundMessagePage,
    dependencies=[requires(Scope.AUDIT_READ)],
    responses=documented(),
)
async def read_inbound_messages(  # noqa: PLR0913  # each is a filter of the contract
    services: ServicesOf,
    topic: Annotated[TopicName | None, Query(description="Only of this topic.")] = None,
    account_id: Annotated[Identifier | None, Query(description="Only of this account.")] = None,
    status: Annotated[MessageStatus | None, Query(description="Only of this status.")] = None,
    before_id: Annotated[
        int | None,
        Query(ge=1, le=2**63 - 1, description="`next_before_id` of the page before."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The most to show.")] = 50,
) -> Response:
    """Applied, waiting, duplicate, stale, parked or discarded, and the event it caused."""
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
    return Response(to_json(InboundMessagePage(messages, more)), media_type="application/json")
