"""`POST /v1/accounts/{account_id}/transactions/{transaction_id}/increments`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body
from txplatform.api.command_responses import documented_recording, recorded_answer
from txplatform.api.dependencies import AccountIdPath, ServicesOf, TransactionIdPath, requires
from txplatform.api_keys import Scope
from txplatform.contracts.increment import IncrementRequest, IncrementResponse, increment_answer
from txplatform.domain.events import AuthorizationIncremented, IncrementDeclined

router = APIRouter(tags=["transactions"])


@router.post(
    "/v1/accounts/{account_id}/transactions/{transaction_id}/increments",
    response_model=IncrementResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    openapi_extra=documented_body(IncrementRequest),
    responses=documented_recording(),
)
async def increment_authorization(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    transaction_id: TransactionIdPath,
    body: Annotated[IncrementRequest, Depends(json_body(IncrementRequest))],
) -> Response:
    """Decide on raising the transaction's hold, as a hotel or a petrol pump asks for.

    A decline is not an error: it is 200 with `"decision": "declined"` and every reason, field 39
    being 12 where the transaction has no open hold.
    """
    command = body.to_increment(account_id, transaction_id)
    decided = await services.decider.submit(command, traceparent=request.state.traceparent)
    event = decided.outcome.event
    assert isinstance(event, AuthorizationIncremented | IncrementDeclined)
    return recorded_answer(increment_answer(event), decided)
