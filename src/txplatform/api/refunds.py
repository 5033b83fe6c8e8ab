"""`POST /v1/accounts/{account_id}/refunds`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import AccountIdPath, ServicesOf, requires
from txplatform.api.openapi_entries import MONEY_PROBLEMS, REPLAYED, documented_command
from txplatform.api.responses import json_response
from txplatform.api_keys import Scope
from txplatform.contracts.refund import RefundRequest, RefundResponse, refund_response
from txplatform.domain.advices import Refund
from txplatform.domain.events import PurchaseRefunded, RefundWaiting

router = APIRouter(tags=["settlement"])

_REFUND = Refund(
    "ref-1", examples.ACCOUNT, examples.TRANSACTION, 1200, "USD", examples.PURCHASE.merchant
)
EXAMPLES = (refund_response(examples.event(PurchaseRefunded, examples.CLEARING, _REFUND)),)


@router.post(
    "/v1/accounts/{account_id}/refunds",
    response_model=RefundResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command(*MONEY_PROBLEMS)},
)
async def refund_purchase(
    request: Request,
    services: ServicesOf,
    account_id: AccountIdPath,
    body: Annotated[RefundRequest, Depends(JsonBody(RefundRequest))],
) -> Response:
    """Refund money, with or without naming the purchase.

    A refund of more than is posted of that purchase is posted too, and `flags` say so. Before its
    account is opened, a refund waits.
    """
    command = body.to_value(Refund, account_id=account_id)
    decided = await services.decider.submit(command, origin=request.state.origin)
    event = decided.outcome.event
    assert isinstance(event, PurchaseRefunded | RefundWaiting)
    return json_response(refund_response(event), replayed=decided.replayed)
