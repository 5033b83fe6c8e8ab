"""Endpoints that list an account's transactions, and return one transaction's whole history."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.dependencies import AccountIdPath, IfNoneMatch, ServicesOf, requires
from txplatform.api.lists import (
    Cursor,
    Limit,
    Since,
    Until,
    documented_account_list,
    read_opened_account,
)
from txplatform.api.openapi_entries import documented, documented_header
from txplatform.api.problems import ProblemError
from txplatform.api.responses import json_response, not_modified
from txplatform.api_keys import Scope
from txplatform.contracts.cursors import to_microseconds
from txplatform.contracts.fields import BodyId, UrlId
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.transactions import TransactionResponse, TransactionsResponse
from txplatform.domain.events import PurchaseCleared
from txplatform.domain.flags import Flag
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.transaction import TransactionState
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.transaction_history import get_transaction, transaction_of
from txplatform.projections.transaction_list import (
    TransactionFilters,
    list_transactions,
    transaction_cursors,
)

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
    TransactionsResponse(
        [_TRANSACTION],
        transaction_cursors(examples.ACCOUNT).write(to_microseconds(examples.AT), 2),
        4711,
    ),
)

_ETAG = documented_header("ETag", "The account version of the transaction's newest event.")


@router.get("", response_model=TransactionsResponse, responses=documented_account_list())
async def read_transactions(  # noqa: PLR0913  # each is a filter of the contract
    services: ServicesOf,
    account_id: AccountIdPath,
    since: Since = None,
    until: Until = None,
    state: Annotated[
        TransactionState | None, Query(description="Filter by the current state.")
    ] = None,
    decision: Annotated[
        Literal["approved", "declined"] | None, Query(description="Filter by the decision.")
    ] = None,
    flag: Annotated[
        Flag | None, Query(description="Transactions with an event that has this flag.")
    ] = None,
    reference: Annotated[
        BodyId | None, Query(description="Transactions with an event that has this reference.")
    ] = None,
    limit: Limit = 30,
    cursor: Cursor = None,
) -> Response:
    """Return the account's transactions, newest first, each with its history.

    A transaction's place, and the time that `from` and `until` compare, is when the first event
    that names it was recorded: so it never moves while pages are read. All other filters compare
    the transaction as it is now. The list is complete only up to the log position `as_of_position`,
    but the histories include the latest events. `…/postings` has what moved the posted balance.
    """
    await read_opened_account(services, account_id)
    page = await services.queries.run(
        partial(
            list_transactions,
            account_id=AccountId(account_id),
            filters=TransactionFilters(since, until, flag, reference, state, decision),
            limit=limit,
            cursor=cursor,
        )
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
    if_none_match: IfNoneMatch,
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
            "The account has no transaction with this id.",
            "Check both ids.",
        )
    version = transaction.events[-1].account_version
    return not_modified(version, if_none_match) or json_response(transaction, version=version)
