"""`POST /v1/accounts/{account_id}/transactions/{transaction_id}/clearings`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body
from txplatform.api.command_responses import MONEY_PROBLEMS, documented_recording, recorded_answer
from txplatform.api.dependencies import AccountIdPath, ServicesOf, TransactionIdPath, requires
from txplatform.api_keys import Scope
from txplatform.contracts.clearing import ClearingRequest, ClearingResponse, clearing_answer
from txplatform.domain.events import ClearingWaiting, PurchaseCleared

router = APIRouter(tags=["settlement"])


@router.post(
    "/v1/accounts/{account_id}/transactions/{transaction_id}/clearings",
    response_model=ClearingResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    openapi_extra=documented_body(ClearingRequest),
    responses=documented_recording(*MONEY_PROBLEMS),
)
async def clear_purchase(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    transaction_id: TransactionIdPath,
    body: Annotated[ClearingRequest, Depends(json_body(ClearingRequest))],
) -> Response:
    """Post what the network clears of a purchase, and release its hold.

    It is the network's fact, never refused for lack of credit: also late, above the hold or
    without an authorization it posts, and `flags` say so. Before its account is opened it waits.
    """
    command = body.to_clearing(account_id, transaction_id)
    decided = await services.decider.submit(command, traceparent=request.state.traceparent)
    event = decided.outcome.event
    assert isinstance(event, PurchaseCleared | ClearingWaiting)
    return recorded_answer(clearing_answer(event), decided)
