"""Endpoints for increments and reversals of a transaction's hold."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import (
    AccountIdPath,
    RequestAccountIdPath,
    RequestTransactionIdPath,
    TransactionIdPath,
    requires,
)
from txplatform.api.openapi_entries import REPLAYED, documented_command
from txplatform.api.responses import command_response
from txplatform.api_keys import Scope
from txplatform.contracts.holds import (
    IncrementRequest,
    IncrementResponse,
    ReversalRequest,
    ReversalResponse,
    increment_response,
    reversal_response,
)
from txplatform.domain.advices import Reversal
from txplatform.domain.events import AuthorizationIncremented, AuthorizationReversed
from txplatform.domain.requests import Increment

router = APIRouter(
    prefix="/v1/accounts/{account_id}/transactions/{transaction_id}", tags=["transactions"]
)

_RAISE = Increment("inc-1", examples.TRANSACTION, examples.ACCOUNT, 300)
_PART = Reversal("rev-1", examples.TRANSACTION, examples.ACCOUNT, 250)
EXAMPLES = (
    increment_response(examples.event(AuthorizationIncremented, _RAISE)),
    reversal_response(examples.event(AuthorizationReversed, _PART)),
)


@router.post(
    "/increments",
    response_model=IncrementResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command()},
)
async def increment_authorization(
    request: Request,
    account_id: RequestAccountIdPath,
    transaction_id: RequestTransactionIdPath,
    body: Annotated[IncrementRequest, Depends(JsonBody(IncrementRequest))],
) -> Response:
    """Increase the transaction's hold, for example for a longer hotel stay, if all rules allow it.

    A decline is not an error: the response is 200 with `"decision": "declined"` and all reasons.
    `response_code` is 12 (invalid transaction, ISO 8583 field 39) if there is no open hold.
    """
    command = body.to_value(Increment, account_id=account_id, transaction_id=transaction_id)
    return await command_response(request, command, increment_response)


@router.post(
    "/reversals",
    response_model=ReversalResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command()},
)
async def reverse_authorization(
    request: Request,
    account_id: AccountIdPath,
    transaction_id: TransactionIdPath,
    body: Annotated[ReversalRequest, Depends(JsonBody(ReversalRequest))],
) -> Response:
    """Release all or part of the transaction's hold because the merchant cancelled the purchase.

    If the reversal arrives before the authorization, the authorization will hold only the amount
    that was not reversed.
    """
    command = body.to_value(Reversal, account_id=account_id, transaction_id=transaction_id)
    return await command_response(request, command, reversal_response)
