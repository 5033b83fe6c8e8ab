"""`POST /v1/accounts/{account_id}/transactions/{transaction_id}/reversals`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import AccountIdPath, ServicesOf, TransactionIdPath, requires
from txplatform.api.openapi_entries import REPLAYED, documented_command
from txplatform.api.responses import json_response
from txplatform.api_keys import Scope
from txplatform.contracts.reversal import ReversalRequest, ReversalResponse, reversal_response
from txplatform.domain.advices import Reversal
from txplatform.domain.events import AuthorizationReversed

router = APIRouter(tags=["transactions"])

_PART = Reversal("rev-1", examples.TRANSACTION, examples.ACCOUNT, 250)
EXAMPLES = (reversal_response(examples.event(AuthorizationReversed, _PART)),)


@router.post(
    "/v1/accounts/{account_id}/transactions/{transaction_id}/reversals",
    response_model=ReversalResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command()},
)
async def reverse_authorization(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    transaction_id: TransactionIdPath,
    body: Annotated[ReversalRequest, Depends(JsonBody(ReversalRequest))],
) -> Response:
    """Release the transaction's hold, or a part of it: the merchant gave the purchase up.

    A reversal before its authorization is recorded too; the authorization then holds only the rest.
    """
    command = body.to_value(Reversal, account_id=account_id, transaction_id=transaction_id)
    decided = await services.decider.submit(command, origin=request.state.origin)
    event = decided.outcome.event
    assert isinstance(event, AuthorizationReversed)
    return json_response(reversal_response(event), replayed=decided.replayed)
