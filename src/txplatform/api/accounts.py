"""Open an account, read its balance, and set its status."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.authentication import require_account
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import (
    AccountIdPath,
    IfNoneMatch,
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
from txplatform.api.responses import command_response, json_response, not_modified
from txplatform.api_keys import ApiKey, Scope
from txplatform.contracts.accounts import (
    BalanceResponse,
    OpenAccountRequest,
    StatusRequest,
    StatusResponse,
    status_response,
)
from txplatform.contracts.encoding import rfc3339
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.same_fields import from_same_fields
from txplatform.decisions.request import AccountView
from txplatform.domain.events import OperatorStatusSet
from txplatform.domain.ids import AccountId
from txplatform.domain.requests import Opening, OperatorStatus
from txplatform.domain.status import AccountStatus, FreezeReason

router = APIRouter(prefix="/v1/accounts", tags=["accounts"])

_LOST = OperatorStatus(
    "st-1",
    examples.ACCOUNT,
    AccountStatus.FROZEN,
    "The card was reported lost.",
    FreezeReason.LOST,
)
EXAMPLES = (
    BalanceResponse(
        examples.ACCOUNT,
        "USD",
        AccountStatus.ACTIVE,
        500_000,
        0,
        1250,
        498_750,
        2,
        rfc3339(examples.AT),
    ),
    status_response(examples.event(OperatorStatusSet, _LOST)),
)

_ETAG = documented_header("ETag", "The account version.")


@router.post(
    "",
    status_code=201,
    response_model=BalanceResponse,
    responses={
        200: {
            "model": BalanceResponse,
            "description": "The account was already open with the same fields.",
            "headers": {
                **_ETAG,
                **documented_header("Idempotency-Replayed", "`true`: nothing new was recorded."),
            },
        },
        201: {
            "description": "The account was opened.",
            "headers": {**_ETAG, **documented_header("Location", "The balance's path.")},
        },
        **documented_command(ProblemType.BALANCE_OUT_OF_RANGE),
    },
)
async def open_account(
    request: Request,
    services: ServicesOf,
    key: Annotated[ApiKey, requires(Scope.ACCOUNTS_WRITE, checks_accounts=True)],
    body: Annotated[OpenAccountRequest, Depends(JsonBody(OpenAccountRequest))],
) -> Response:
    """Open an account. The accounts team's Kafka message has the same effect.

    Payments, limit changes and other messages that arrived before the opening are applied once the
    account is open. `opening_balance` is what is owed when a portfolio moves in.
    """
    command = body.to_value(Opening)
    require_account(key, command.account_id)
    decided = await services.decider.submit(command, origin=request.state.origin)
    view = await services.decider.read_account(command.account_id)
    return json_response(
        _balance(view),
        200 if decided.replayed else 201,
        version=view.version,
        replayed=decided.replayed,
        headers={"Location": f"/v1/accounts/{body.account_id}/balance"},
    )


@router.get(
    "/{account_id}/balance",
    response_model=BalanceResponse,
    dependencies=[requires(Scope.ACCOUNTS_READ)],
    responses={
        200: {"headers": _ETAG},
        304: {"description": "The version in If-None-Match is current.", "headers": _ETAG},
        **documented(ProblemType.ACCOUNT_NOT_FOUND, ProblemType.OVERLOADED),
    },
)
async def read_balance(
    services: ServicesOf,
    account_id: AccountIdPath,
    if_none_match: IfNoneMatch,
) -> Response:
    """Return the account's current balance, including its latest event."""
    view = await services.decider.read_account(AccountId(account_id))
    require_opened(view)
    return not_modified(view.version, if_none_match) or json_response(
        _balance(view), version=view.version
    )


@router.post(
    "/{account_id}/status",
    response_model=StatusResponse,
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command(ProblemType.ACCOUNT_CLOSED)},
)
async def set_status(
    request: Request,
    account_id: RequestAccountIdPath,
    body: Annotated[StatusRequest, Depends(JsonBody(StatusRequest))],
) -> Response:
    """Freeze, unfreeze or close an account, as an operator.

    The accounts team sets a separate status; the stricter of the two is in force. Purchases and
    increments on a frozen or closed account are declined; clearings, refunds and payments are still
    posted. Closing is permanent.
    """
    command = body.to_value(OperatorStatus, account_id=account_id)
    return await command_response(request, command, status_response)


def _balance(view: AccountView) -> BalanceResponse:
    return from_same_fields(
        BalanceResponse,
        view.balance,
        view,
        account_version=view.version,
        as_of=rfc3339(view.as_of),
    )
