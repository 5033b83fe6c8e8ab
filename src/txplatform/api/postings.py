"""`GET /v1/accounts/{account_id}/postings`: everything that moved an account's posted balance."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.dependencies import AccountIdPath, ServicesOf, requires
from txplatform.api.lists import (
    Cursor,
    Limit,
    Since,
    Until,
    documented_account_list,
    read_opened_account,
)
from txplatform.api.responses import json_response
from txplatform.api_keys import Scope
from txplatform.contracts.cursors import to_microseconds
from txplatform.contracts.fields import BodyId
from txplatform.contracts.postings import PostingKind, PostingsResponse
from txplatform.domain.events import PurchaseCleared
from txplatform.domain.flags import Flag
from txplatform.domain.ids import AccountId
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.postings import (
    PostingFilters,
    list_postings,
    posting_cursors,
    posting_response,
)

router = APIRouter(
    prefix="/v1/accounts/{account_id}/postings",
    tags=["accounts"],
    dependencies=[requires(Scope.ACCOUNTS_READ)],
)

_POSTING = posting_response(
    LoggedEvent(4720, examples.AT, examples.event(PurchaseCleared, examples.CLEARING))
)
EXAMPLES = (
    PostingsResponse(
        [_POSTING],
        posting_cursors(examples.ACCOUNT).write(to_microseconds(examples.AT), 3, 4, 200),
        200,
        4,
    ),
)


@router.get("", response_model=PostingsResponse, responses=documented_account_list())
async def read_postings(  # noqa: PLR0913  # each is a filter of the contract
    services: ServicesOf,
    account_id: AccountIdPath,
    since: Since = None,
    until: Until = None,
    kind: Annotated[PostingKind | None, Query(description="Filter by kind.")] = None,
    flag: Annotated[Flag | None, Query(description="Postings with this flag.")] = None,
    reference: Annotated[BodyId | None, Query(description="Postings with this reference.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Return everything that moved the account's posted balance, newest first, never stale.

    `posted` and `as_of_version` are those of the first page. Without filters, the amounts of all
    pages add up to `posted`. An event that moves nothing, such as a final clearing of amount 0, has
    no posting.
    """
    account = await read_opened_account(services, account_id)
    page = await services.queries.run(
        partial(
            list_postings,
            account_id=AccountId(account_id),
            posted=account.balance.posted,
            version=account.version,
            filters=PostingFilters(since, until, flag, reference, kind),
            limit=limit,
            cursor=cursor,
        )
    )
    return json_response(page)
