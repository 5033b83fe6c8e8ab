"""An account's transactions: newest first by pages, and one with its whole life."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from txplatform.api.dependencies import AccountIdPath, IfNoneMatch, ServicesOf, requires
from txplatform.api.problems import (
    TRANSACTION_NOT_FOUND,
    VALIDATION,
    ProblemError,
    documented,
    documented_header,
)
from txplatform.api_keys import Scope
from txplatform.contracts.encoding import to_json
from txplatform.contracts.fields import Identifier
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.projections.cursors import InvalidCursorError
from txplatform.projections.transaction_history import TransactionView
from txplatform.projections.transactions import (
    TransactionPage,
    get_transaction,
    list_transactions,
)

router = APIRouter(
    prefix="/v1/accounts/{account_id}/transactions",
    tags=["transactions"],
    dependencies=[requires(Scope.ACCOUNTS_READ)],
)


_ETAG = documented_header("ETag", "The account version of its newest event.")


@router.get("", response_model=TransactionPage, responses=documented())
async def read_transactions(
    services: ServicesOf,
    account_id: AccountIdPath,
    limit: Annotated[int, Query(ge=1, le=500, description="The most to show.")] = 30,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
) -> Response:
    """Newest first, each with its whole life.

    By its decision, or before there is one by the first event that names it; what names no
    transaction is in the account's events only. Which transactions there are may lag:
    `as_of_position` is the log position that the list has come to. Their lives never do, and are as
    of one version of the account.
    """
    try:
        page = await services.queries.run(
            partial(list_transactions, account_id=AccountId(account_id), limit=limit, cursor=cursor)
        )
    except InvalidCursorError as error:
        raise ProblemError(
            VALIDATION,
            f"{error.what} {error.why}",
            error.next_step,
            errors=[{"pointer": "/cursor", "message": error.reason}],
        ) from None
    return Response(to_json(page), media_type="application/json")


@router.get(
    "/{transaction_id}",
    response_model=TransactionView,
    responses={
        200: {"headers": _ETAG},
        304: {
            "description": "The version in If-None-Match is still its newest event's.",
            "headers": _ETAG,
        },
        **documented(TRANSACTION_NOT_FOUND),
    },
)
async def read_transaction(
    services: ServicesOf,
    account_id: AccountIdPath,
    transaction_id: Identifier,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One transaction, its whole life; it never lags.

    Also one that a clearing, reversal, refund or increment has named and that was never authorized.
    """
    transaction = await services.queries.run(
        partial(
            get_transaction,
            account_id=AccountId(account_id),
            transaction_id=TransactionId(transaction_id),
        )
    )
    if transaction is None:
        raise ProblemError(
            TRANSACTION_NOT_FOUND,
            f"Account {account_id} has no transaction {transaction_id}.",
            "Check both ids.",
        )
    etag = f'"{transaction.events[-1].account_version}"'
    if if_none_match is not None and etag in if_none_match:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(to_json(transaction), headers={"ETag": etag}, media_type="application/json")
