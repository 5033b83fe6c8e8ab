"""`GET` and `PUT /v1/accounts/{account_id}/controls`."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import (
    AccountIdPath,
    RequestAccountIdPath,
    ServicesOf,
    require_opened,
    requires,
)
from txplatform.api.openapi_entries import (
    REPLAYED,
    documented,
    documented_command,
    documented_header,
)
from txplatform.api.responses import json_response
from txplatform.api_keys import Scope
from txplatform.contracts.controls import (
    ControlsInForce,
    ControlsRequest,
    ControlsResponse,
    controls_response,
)
from txplatform.contracts.encoding import rfc3339
from txplatform.contracts.problems import ProblemType
from txplatform.domain.events import ControlsChanged
from txplatform.domain.ids import AccountId
from txplatform.domain.requests import ControlsChange

router = APIRouter(prefix="/v1/accounts/{account_id}/controls", tags=["accounts"])

_CHANGED = examples.event(
    ControlsChanged,
    ControlsChange(
        "ctl-1",
        examples.ACCOUNT,
        ({"rule": "amount_limit", "max_amount": 20_000},),
        "The cardholder asked for it.",
    ),
)
EXAMPLES = (
    controls_response(_CHANGED),
    ControlsInForce(examples.ACCOUNT, _CHANGED.change.rules, 3, rfc3339(examples.AT)),
)


@router.get(
    "",
    response_model=ControlsInForce,
    dependencies=[requires(Scope.ACCOUNTS_READ)],
    responses={
        200: {"headers": documented_header("ETag", "The account version.")},
        **documented(ProblemType.ACCOUNT_NOT_FOUND, ProblemType.OVERLOADED),
    },
)
async def read_controls(services: ServicesOf, account_id: AccountIdPath) -> Response:
    """Return the account's current controls: the rules that apply to this account only."""
    view = await services.decider.read_account(AccountId(account_id))
    require_opened(view)
    response = ControlsInForce(
        view.account_id, view.controls.stored, view.version, rfc3339(view.as_of)
    )
    return json_response(response, version=view.version)


@router.put(
    "",
    response_model=ControlsResponse,
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command()},
)
async def set_controls(
    request: Request,
    services: ServicesOf,
    account_id: RequestAccountIdPath,
    body: Annotated[ControlsRequest, Depends(JsonBody(ControlsRequest))],
) -> Response:
    """Replace the account's controls, the rules for this account only. An empty list removes them.

    Controls apply in addition to the rule set, and can only decline more. A decline lists the
    reasons of every rule that refused.
    """
    command = body.to_change(account_id)
    decided = await services.decider.submit(command, origin=request.state.origin)
    event = decided.outcome.event
    assert isinstance(event, ControlsChanged)
    return json_response(controls_response(event), replayed=decided.replayed)
