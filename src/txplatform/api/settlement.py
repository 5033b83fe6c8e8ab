"""Endpoints for single clearings and refunds; `clearing_batches` handles settlement files."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import AccountIdPath, TransactionIdPath, requires
from txplatform.api.openapi_entries import MONEY_PROBLEMS, REPLAYED, documented_command
from txplatform.api.responses import command_response
from txplatform.api_keys import Scope
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.settlement import (
    ClearingRequest,
    ClearingResponse,
    RefundRequest,
    RefundResponse,
    clearing_response,
    refund_response,
)
from txplatform.domain.advices import Refund
from txplatform.domain.events import PurchaseCleared, PurchaseRefunded

router = APIRouter(prefix="/v1/accounts/{account_id}", tags=["settlement"])

_REFUND = Refund(
    "ref-1",
    examples.ACCOUNT,
    examples.TRANSACTION,
    1200,
    "USD",
    merchant=examples.PURCHASE.merchant,
)
EXAMPLES = (
    clearing_response(examples.event(PurchaseCleared, examples.CLEARING)),
    refund_response(examples.event(PurchaseRefunded, examples.CLEARING, _REFUND)),
)


@router.post(
    "/transactions/{transaction_id}/clearings",
    response_model=ClearingResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    responses={
        200: {"headers": REPLAYED},
        **documented_command(*MONEY_PROBLEMS, ProblemType.WRONG_DIRECTION),
    },
)
async def clear_purchase(
    request: Request,
    account_id: AccountIdPath,
    transaction_id: TransactionIdPath,
    body: Annotated[ClearingRequest, Depends(JsonBody(ClearingRequest))],
) -> Response:
    """Post a clearing of a purchase and release the hold, or post a credit or a correction.

    A clearing is an advice from the network, and is never refused for lack of credit or for a flaw
    of its description. A clearing that is late, exceeds the hold or has no authorization is still
    posted, with `flags`. If the account has not been opened yet, the clearing waits, and is posted
    when the account is opened.
    """
    command = body.to_command(account_id=account_id, transaction_id=transaction_id)
    return await command_response(request, command, clearing_response)


@router.post(
    "/refunds",
    response_model=RefundResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    responses={200: {"headers": REPLAYED}, **documented_command(*MONEY_PROBLEMS)},
)
async def refund_purchase(
    request: Request,
    account_id: AccountIdPath,
    body: Annotated[RefundRequest, Depends(JsonBody(RefundRequest))],
) -> Response:
    """Refund money to the account. The refund may name the purchase.

    A refund that exceeds the posted amount of the purchase is still posted, with `flags`. If the
    account has not been opened yet, the refund waits, and is posted when the account is opened.
    """
    command = body.to_value(Refund, account_id=account_id)
    return await command_response(request, command, refund_response)
