"""`POST /v1/accounts/{account_id}/transactions/{transaction_id}/reversals`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body
from txplatform.api.command_responses import documented_recording, recorded_answer
from txplatform.api.dependencies import AccountIdPath, ServicesOf, TransactionIdPath, requires
from txplatform.api_keys import Scope
from txplatform.contracts.reversal import ReversalRequest, ReversalResponse, reversal_answer
from txplatform.domain.events import AuthorizationReversed

router = APIRouter(tags=["transactions"])


@router.post(
    "/v1/accounts/{account_id}/transactions/{transaction_id}/reversals",
    response_model=ReversalResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    openapi_extra=documented_body(ReversalRequest),
    responses=documented_recording(),
)
async def reverse_authorization(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    transaction_id: TransactionIdPath,
    body: Annotated[ReversalRequest, Depends(json_body(ReversalRequest))],
) -> Response:
    """Release the transaction's hold, or that part of it: the merchant gave the purchase up.

    Before its authorization it is recorded too, and that holds then only what is left of it.
    """
    command = body.to_reversal(account_id, transaction_id)
    decided = await services.decider.submit(command, traceparent=request.state.traceparent)
    event = decided.outcome.event
    assert isinstance(event, AuthorizationReversed)
    return recorded_answer(reversal_answer(event), decided)
