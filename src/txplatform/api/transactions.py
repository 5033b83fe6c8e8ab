"""An account's transactions: newest first by pages, and one with its whole life."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from txplatform.api.dependencies import AccountIdPath, ServicesOf, requires
from txplatform.api.keys import Scope
from txplatform.api.problems import (
    TRANSACTION_NOT_FOUND,
    VALIDATION,
    ProblemError,
    documented,
)
from txplatform.contracts.encoding import to_json
from txplatform.contracts.fields import Identifier
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.projections.cursors import InvalidCursorError
from txplatform.projections.transactions import (
    Transaction,
    TransactionPage,
    get_transaction,
    list_transactions,
)

router = APIRouter(
    prefix="/v1/accounts/{account_id}/transactions",
    tags=["transactions"],
    dependencies=[Depends(requires(Scope.ACCOUNTS_READ))],
)


@router.get("", response_model=TransactionPage, responses=documented())
async def read_transactions(
    services: ServicesOf,
    account_id: AccountIdPath,
    limit: Annotated[int, Query(ge=1, le=500)] = 30,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
) -> Response:
    """Newest first. The list may lag: `as_of_position` is the log position it has come to."""
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
    response_model=Transaction,
    responses=documented(TRANSACTION_NOT_FOUND),
)
async def read_transaction(
    services: ServicesOf, account_id: AccountIdPath, transaction_id: Identifier
) -> Response:
    """One transaction, its whole life; a transaction decided a moment ago may not be there yet."""

    def read(connection: psycopg.Connection) -> tuple[Transaction | None, int]:
        account = AccountId(account_id)
        found = get_transaction(
            connection, account_id=account, transaction_id=TransactionId(transaction_id)
        )
        if found is not None:
            return found, found.log_position
        return None, list_transactions(connection, account, limit=1).as_of_position

    transaction, as_of_position = await services.queries.run(read)
    if transaction is None:
        raise ProblemError(
            TRANSACTION_NOT_FOUND,
            f"Account {account_id} has no transaction {transaction_id}, or not yet: this list "
            f"lags a little behind decisions, and has come to log position {as_of_position}.",
            "Check the id; where the decision was just made, ask again in a moment.",
            extensions={"as_of_position": as_of_position},
        )
    return Response(to_json(transaction), media_type="application/json")
