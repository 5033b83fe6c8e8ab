"""`GET` and `PUT /v1/accounts/{account_id}/controls`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body
from txplatform.api.command_responses import documented_recording, recorded_answer, require_opened
from txplatform.api.dependencies import AccountIdPath, ServicesOf, requires
from txplatform.api.problems import ACCOUNT_NOT_FOUND, OVERLOADED, documented, documented_header
from txplatform.api_keys import Scope
from txplatform.contracts.controls import (
    ControlsInForce,
    ControlsRequest,
    ControlsResponse,
    controls_answer,
)
from txplatform.contracts.encoding import to_json
from txplatform.contracts.times import rfc3339
from txplatform.domain.events import ControlsChanged
from txplatform.domain.ids import AccountId

router = APIRouter(prefix="/v1/accounts/{account_id}/controls", tags=["accounts"])


@router.get(
    "",
    response_model=ControlsInForce,
    dependencies=[requires(Scope.ACCOUNTS_READ)],
    responses={
        200: {"headers": documented_header("ETag", "The account version.")},
        **documented(ACCOUNT_NOT_FOUND, OVERLOADED),
    },
)
async def read_controls(services: ServicesOf, account_id: AccountIdPath) -> Response:
    """The account's own rules at its newest version; they never lag."""
    view = await services.decider.read_account(AccountId(account_id))
    require_opened(view)
    answer = ControlsInForce(
        view.account_id, view.controls.stored, view.version, rfc3339(view.as_of)
    )
    return Response(to_json(answer), 200, {"ETag": f'"{view.version}"'}, "application/json")


@router.put(
    "",
    response_model=ControlsResponse,
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    openapi_extra=documented_body(ControlsRequest),
    responses=documented_recording(),
)
async def set_controls(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    body: Annotated[ControlsRequest, Depends(json_body(ControlsRequest))],
) -> Response:
    """Give the account rules of its own, instead of those it had; no rules remove them.

    They are asked after the rule set's, and every refusal is reported: they can only narrow.
    """
    command = body.to_change(account_id)
    decided = await services.decider.submit(command, traceparent=request.state.traceparent)
    event = decided.outcome.event
    assert isinstance(event, ControlsChanged)
    return recorded_answer(controls_answer(event), decided)
