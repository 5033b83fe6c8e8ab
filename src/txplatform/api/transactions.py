"""Endpoints that list an account's transactions, and return one transaction's whole history."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.dependencies import AccountIdPath, IfNoneMatch, ServicesOf, requires
from txplatform.api.openapi_entries import documented, documented_header
from txplatform.api.problems import ProblemError
from txplatform.api.responses import json_response, not_modified
from txplatform.api_keys import Scope
from txplatform.contracts.cursors import ACCOUNT_VERSIONS
from txplatform.contracts.fields import UrlId
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.transactions import TransactionResponse, TransactionsResponse
from txplatform.domain.events import PurchaseCleared
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.transaction_history import transaction_of
from txplatform.projections.transactions import get_transaction, list_transactions

router = APIRouter(
    prefix="/v1/accounts/{account_id}/transactions",
    tags=["transactions"],
    dependencies=[requires(Scope.ACCOUNTS_READ)],
)


_TRANSACTION = transaction_of(
    examples.TRANSACTION,
    [
        LoggedEvent(4711, examples.AT, examples.APPROVED),
        LoggedEvent(
            4720,
            examples.AT,
            examples.event(PurchaseCleared, examples.CLEARING),
        ),
    ],
)
EXAMPLES = (
    _TRANSACTION,
    TransactionsResponse([_TRANSACTION], ACCOUNT_VERSIONS.write(2), 4711),
)

_ETAG = documented_header("ETag", "The account version of the transaction's newest event.")


@router.get("", response_model=TransactionsResponse, responses=documented())
async def read_transactions(
    services: ServicesOf,
    account_id: AccountIdPath,
    limit: Annotated[int, Query(ge=1, le=500, description="The maximum page size.")] = 30,
    cursor: Annotated[str | None, Query(description="next_cursor of the previous page.")] = None,
) -> Response:
    """Return the account's transactions, newest first, each with its history.

    The sort key is the account version after the first event that names the transaction. The list
    is complete only up to the log position `as_of_position`, but the histories include the latest
    events. All histories are read at the same account version.
    Events that name no transaction are only in `GET /v1/accounts/{account_id}/events`.
    """
    page = await services.queries.run(
        partial(list_transactions, account_id=AccountId(account_id), limit=limit, cursor=cursor)
    )
    return json_response(page)


@router.get(
    "/{transaction_id}",
    response_model=TransactionResponse,
    responses={
        200: {"headers": _ETAG},
        304: {
            "description": "The version in If-None-Match is current.",
            "headers": _ETAG,
        },
        **documented(ProblemType.TRANSACTION_NOT_FOUND),
    },
)
async def read_transaction(
    services: ServicesOf,
    account_id: AccountIdPath,
    transaction_id: UrlId,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return one transaction with its whole history, never stale.

    A transaction that was never authorized is found if another event names it.
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
            ProblemType.TRANSACTION_NOT_FOUND,
            f"Account {account_id} has no transaction {transaction_id}.",
            "Check both ids.",
        )
    version = transaction.events[-1].account_version
    return not_modified(version, if_none_match) or json_response(transaction, version=version)
