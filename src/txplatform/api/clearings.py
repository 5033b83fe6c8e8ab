"""`POST /v1/accounts/{account_id}/transactions/{transaction_id}/clearings`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import AccountIdPath, ServicesOf, TransactionIdPath, requires
from txplatform.api.openapi_entries import MONEY_PROBLEMS, REPLAYED, documented_command
from txplatform.api.responses import json_response
from txplatform.api_keys import Scope
from txplatform.contracts.clearing import ClearingRequest, ClearingResponse, clearing_response
from txplatform.domain.advices import Clearing
from txplatform.domain.events import ClearingWaiting, PurchaseCleared

router = APIRouter(tags=["settlement"])

_CLEARED = examples.event(PurchaseCleared, examples.CLEARING)
EXAMPLES = (clearing_response(_CLEARED),)


@router.post(
    "/v1/accounts/{account_id}/transactions/{transaction_id}/clearings",
    response_model=ClearingResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command(*MONEY_PROBLEMS)},
)
async def clear_purchase(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    transaction_id: TransactionIdPath,
    body: Annotated[ClearingRequest, Depends(JsonBody(ClearingRequest))],
) -> Response:
    """Post a clearing of a purchase, and release its hold.

    A clearing is the network's advice and is never refused for lack of credit: a late one, one
    above the hold and one without an authorization are posted too, and `flags` say so. Before its
    account is opened, a clearing waits.
    """
    command = body.to_value(Clearing, account_id=account_id, transaction_id=transaction_id)
    decided = await services.decider.submit(command, origin=request.state.origin)
    event = decided.outcome.event
    assert isinstance(event, PurchaseCleared | ClearingWaiting)
    return json_response(clearing_response(event), replayed=decided.replayed)
