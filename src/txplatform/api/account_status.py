"""`POST /v1/accounts/{account_id}/status`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body
from txplatform.api.command_responses import documented_recording, recorded_answer
from txplatform.api.dependencies import AccountIdPath, ServicesOf, requires
from txplatform.api.problems import ACCOUNT_CLOSED
from txplatform.api_keys import Scope
from txplatform.contracts.account_status import StatusRequest, StatusResponse, status_answer
from txplatform.domain.events import OperatorStatusSet

router = APIRouter(tags=["accounts"])


@router.post(
    "/v1/accounts/{account_id}/status",
    response_model=StatusResponse,
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    openapi_extra=documented_body(StatusRequest),
    responses=documented_recording(ACCOUNT_CLOSED),
)
async def set_status(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    body: Annotated[StatusRequest, Depends(json_body(StatusRequest))],
) -> Response:
    """Freeze, close or release an account, as an operator.

    The accounts team's status is kept apart and the stricter of both holds. Frozen or closed
    refuses purchases and increments only; closed is for ever.
    """
    command = body.to_operator_status(account_id)
    decided = await services.decider.submit(command, traceparent=request.state.traceparent)
    event = decided.outcome.event
    assert isinstance(event, OperatorStatusSet)
    return recorded_answer(status_answer(event), decided)
