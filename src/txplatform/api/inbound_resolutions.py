"""`POST /v1/inbound-messages/…`: retry or discard parked messages."""

from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from txplatform.api import inbound_messages
from txplatform.api.authentication import require_account
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import ServicesOf, requires
from txplatform.api.openapi_entries import documented, documented_body
from txplatform.api.responses import json_response
from txplatform.api_keys import ApiKey, Scope
from txplatform.consumers.parked_messages import discard_message, retry_message, retry_parked
from txplatform.contracts.inbound_messages import InboundMessageResponse, MessageStatus
from txplatform.contracts.inbound_resolutions import DiscardRequest, RetryRequest, RetryResponse
from txplatform.contracts.problems import ProblemType
from txplatform.inbox.reader import stored_message

router = APIRouter(prefix="/v1/inbound-messages", tags=["inbound"])

_RETRY_S = 3.0
"""The time for a bulk retry, well below the time limit of a query."""

_APPLIED = inbound_messages.EXAMPLE
EXAMPLES = (
    replace(
        _APPLIED,
        status=MessageStatus.DISCARDED,
        resolved_by="operations (key_9f2c)",
        resolution="Sent twice.",
    ),
    RetryResponse(settled=17, parked=1, next_after_id=None),
)

MessageId = Annotated[
    int, Path(ge=1, le=2**63 - 1, description="The message's `id`.", examples=[17])
]
Writer = Annotated[ApiKey, requires(Scope.INBOUND_WRITE, checks_accounts=True)]
_PROBLEMS = (ProblemType.MESSAGE_NOT_FOUND, ProblemType.MESSAGE_NOT_PARKED)


@router.post(
    "/retries",
    response_model=RetryResponse,
    responses=documented_body(),
)
async def retry_inbound_messages(
    services: ServicesOf,
    key: Writer,
    body: Annotated[RetryRequest, Depends(JsonBody(RetryRequest))],
) -> Response:
    """Retry the parked messages of a topic and a reason, in order of arrival.

    A call ends after a few seconds. Repeat it with `after_id` until `next_after_id` is null.
    """
    retry = partial(
        retry_parked,
        topic=body.topic,
        reason=body.reason,
        by=key.cause,
        after_id=body.after_id,
        until_s=monotonic() + _RETRY_S,
        accounts=key.accounts,
    )
    return json_response(await services.queries.run(retry))


@router.post(
    "/{message_id}/retries",
    response_model=InboundMessageResponse,
    responses=documented(*_PROBLEMS, ProblemType.CONTENTS_NOT_KEPT),
)
async def retry_inbound_message(
    services: ServicesOf, key: Writer, message_id: MessageId
) -> Response:
    """Process a parked message again. If it is rejected again, it stays parked."""

    def retry(connection: psycopg.Connection) -> InboundMessageResponse:
        _require_own(connection, key, message_id)
        retry_message(connection, message_id, key.cause)
        return _summary(connection, message_id)

    return json_response(await services.queries.run(retry))


@router.post(
    "/{message_id}/discards",
    response_model=InboundMessageResponse,
    responses=documented_body(*_PROBLEMS),
)
async def discard_inbound_message(
    services: ServicesOf,
    key: Writer,
    message_id: MessageId,
    body: Annotated[DiscardRequest, Depends(JsonBody(DiscardRequest))],
) -> Response:
    """Discard a parked message permanently. Later copies of it are discarded too."""

    def discard(connection: psycopg.Connection) -> InboundMessageResponse:
        _require_own(connection, key, message_id)
        discard_message(connection, message_id, body.reason, key.cause)
        return _summary(connection, message_id)

    return json_response(await services.queries.run(discard))


def _require_own(connection: psycopg.Connection, key: ApiKey, message_id: int) -> None:
    """Check that the message, if there is one, is of an account that the key may change."""
    if key.accounts is not None:
        stored = stored_message(connection, message_id)
        if stored is not None:
            require_account(key, stored.summary.account_id)


def _summary(connection: psycopg.Connection, message_id: int) -> InboundMessageResponse:
    stored = stored_message(connection, message_id)
    assert stored is not None
    return stored.summary
