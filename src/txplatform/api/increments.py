"""`POST /v1/accounts/{account_id}/transactions/{transaction_id}/increments`."""

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
from txplatform.contracts.increment import IncrementRequest, IncrementResponse, increment_response
from txplatform.domain.events import AuthorizationIncremented, IncrementDeclined
from txplatform.domain.requests import Increment

router = APIRouter(tags=["transactions"])

_RAISE = Increment("inc-1", examples.TRANSACTION, examples.ACCOUNT, 300)
EXAMPLES = (increment_response(examples.event(AuthorizationIncremented, _RAISE)),)


@router.post(
    "/v1/accounts/{account_id}/transactions/{transaction_id}/increments",
    response_model=IncrementResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command()},
)
async def increment_authorization(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    transaction_id: TransactionIdPath,
    body: Annotated[IncrementRequest, Depends(JsonBody(IncrementRequest))],
) -> Response:
    """Decide on raising the transaction's hold, for example for a hotel or a petrol pump.

    A decline is not an error: it is 200 with `"decision": "declined"` and every reason. Field 39 is
    12 if the transaction has no open hold.
    """
    command = body.to_value(Increment, account_id=account_id, transaction_id=transaction_id)
    decided = await services.decider.submit(command, origin=request.state.origin)
    event = decided.outcome.event
    assert isinstance(event, AuthorizationIncremented | IncrementDeclined)
    return json_response(increment_response(event), replayed=decided.replayed)
