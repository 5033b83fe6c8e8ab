"""`POST /v1/accounts/{account_id}/refunds`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body
from txplatform.api.command_responses import MONEY_PROBLEMS, documented_recording, recorded_answer
from txplatform.api.dependencies import AccountIdPath, ServicesOf, requires
from txplatform.api_keys import Scope
from txplatform.contracts.refund import RefundRequest, RefundResponse, refund_answer
from txplatform.domain.events import PurchaseRefunded, RefundWaiting

router = APIRouter(tags=["settlement"])


@router.post(
    "/v1/accounts/{account_id}/refunds",
    response_model=RefundResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    openapi_extra=documented_body(RefundRequest),
    responses=documented_recording(*MONEY_PROBLEMS),
)
async def refund_purchase(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    body: Annotated[RefundRequest, Depends(json_body(RefundRequest))],
) -> Response:
    """Give money back, with or without naming the purchase.

    More than what is posted of that purchase is given back too, and `flags` say so. Before its
    account is opened it waits.
    """
    command = body.to_refund(account_id)
    decided = await services.decider.submit(command, traceparent=request.state.traceparent)
    event = decided.outcome.event
    assert isinstance(event, PurchaseRefunded | RefundWaiting)
    return recorded_answer(refund_answer(event), decided)
