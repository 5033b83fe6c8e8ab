"""`POST /v1/accounts/{account_id}/status`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import AccountIdPath, requires
from txplatform.api.openapi_entries import REPLAYED, documented_command
from txplatform.api.responses import command_response
from txplatform.api_keys import Scope
from txplatform.contracts.account_status import StatusRequest, StatusResponse, status_response
from txplatform.contracts.problems import ProblemType
from txplatform.domain.events import OperatorStatusSet
from txplatform.domain.requests import OperatorStatus
from txplatform.domain.status import AccountStatus

router = APIRouter(tags=["accounts"])

_LOST = OperatorStatus(
    "st-1", examples.ACCOUNT, AccountStatus.FROZEN, "The card was reported lost."
)
EXAMPLES = (status_response(examples.event(OperatorStatusSet, _LOST)),)


@router.post(
    "/v1/accounts/{account_id}/status",
    response_model=StatusResponse,
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command(ProblemType.ACCOUNT_CLOSED)},
)
async def set_status(
    request: Request,
    account_id: AccountIdPath,
    body: Annotated[StatusRequest, Depends(JsonBody(StatusRequest))],
) -> Response:
    """Freeze, close or release an account, as an operator.

    The accounts team's status is kept apart, and the stricter of both is in force. A frozen or
    closed account declines purchases and increments only; closed is permanent.
    """
    command = body.to_value(OperatorStatus, account_id=account_id)
    return await command_response(request, command, status_response)
