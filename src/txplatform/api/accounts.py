"""`POST /v1/accounts` and `GET /v1/accounts/{account_id}/balance`."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body
from txplatform.api.command_responses import require_opened
from txplatform.api.dependencies import AccountIdPath, IfNoneMatch, ServicesOf, requires
from txplatform.api.problems import (
    ACCOUNT_NOT_FOUND,
    BODY_TOO_LARGE,
    ID_REUSED,
    NOT_JSON,
    OUTCOME_UNKNOWN,
    OVERLOADED,
    UNSUPPORTED_MEDIA_TYPE,
    documented,
    documented_header,
)
from txplatform.api_keys import Scope
from txplatform.contracts.accounts import BalanceResponse, OpenAccountRequest
from txplatform.contracts.times import rfc3339
from txplatform.decisions.request import AccountView
from txplatform.domain.ids import AccountId

router = APIRouter(prefix="/v1/accounts", tags=["accounts"])

_ETAG = documented_header("ETag", "The account version.")


@router.post(
    "",
    status_code=201,
    response_model=BalanceResponse,
    dependencies=[requires(Scope.ACCOUNTS_WRITE)],
    openapi_extra=documented_body(OpenAccountRequest),
    responses={
        200: {
            "model": BalanceResponse,
            "description": "It had been opened before, the same.",
            "headers": {
                **_ETAG,
                **documented_header("Idempotency-Replayed", "`true`: nothing was recorded."),
            },
        },
        201: {
            "description": "It is open.",
            "headers": {**_ETAG, **documented_header("Location", "The account's balance.")},
        },
        **documented(
            NOT_JSON,
            ID_REUSED,
            BODY_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            OVERLOADED,
            OUTCOME_UNKNOWN,
        ),
    },
)
async def open_account(
    request: Request,
    services: ServicesOf,
    body: Annotated[OpenAccountRequest, Depends(json_body(OpenAccountRequest))],
) -> Response:
    """Open an account; the accounts team's event does the same.

    Payments and limit changes that came before it are applied by it.
    """
    command = body.to_opening()
    decided = await services.decider.submit(command, traceparent=request.state.traceparent)
    view = await services.decider.read_account(command.account_id)
    headers = {"Location": f"/v1/accounts/{body.account_id}/balance"}
    if decided.replayed:
        headers["Idempotency-Replayed"] = "true"
    return _balance_response(view, 200 if decided.replayed else 201, headers)


@router.get(
    "/{account_id}/balance",
    response_model=BalanceResponse,
    dependencies=[requires(Scope.ACCOUNTS_READ)],
    responses={
        200: {"headers": _ETAG},
        304: {"description": "The version in If-None-Match is still the newest.", "headers": _ETAG},
        **documented(ACCOUNT_NOT_FOUND, OVERLOADED),
    },
)
async def read_balance(
    services: ServicesOf,
    account_id: AccountIdPath,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The account's money at its newest version; it never lags."""
    view = await services.decider.read_account(AccountId(account_id))
    require_opened(view)
    if if_none_match is not None and _etag(view) in if_none_match:
        return Response(status_code=304, headers={"ETag": _etag(view)})
    return _balance_response(view, 200, {})


def _balance_response(view: AccountView, status_code: int, headers: dict[str, str]) -> Response:
    balance = view.balance
    assert view.currency is not None
    answer = BalanceResponse(
        view.account_id,
        view.currency,
        view.status,
        balance.credit_limit,
        balance.posted,
        balance.pending,
        balance.available,
        view.version,
        rfc3339(view.as_of),
    )
    return Response(
        orjson.dumps(answer), status_code, {"ETag": _etag(view), **headers}, "application/json"
    )


def _etag(view: AccountView) -> str:
    return f'"{view.version}"'
