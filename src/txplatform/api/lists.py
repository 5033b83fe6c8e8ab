"""Parameters and checks that list endpoints share."""

from typing import Annotated

from fastapi import Query

from txplatform.api.dependencies import require_opened
from txplatform.api.openapi_entries import Responses, documented
from txplatform.api.services import Services
from txplatform.contracts.cursors import CURSOR_FORM, MAX_CURSOR
from txplatform.contracts.fields import UtcTime
from txplatform.contracts.json_schemas import Documented
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.response_fields import MAX_PAGE
from txplatform.decisions.request import AccountView
from txplatform.domain.ids import AccountId

CursorText = Annotated[str, Documented(pattern=f"^{CURSOR_FORM}$", maxLength=MAX_CURSOR)]
Cursor = Annotated[
    CursorText | None,
    Query(description="`next_cursor` of an earlier page. Send the same filters with it."),
]
Since = Annotated[
    UtcTime | None, Query(alias="from", description="The earliest recorded time, RFC 3339.")
]
Until = Annotated[
    UtcTime | None, Query(description="The end of the recorded times, exclusive, RFC 3339.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="The maximum page size.")]


def documented_list(*types: ProblemType) -> Responses:
    """Return the problem entries for a list."""
    return documented(ProblemType.INVALID_CURSOR, *types)


def documented_account_list() -> Responses:
    """Return the problem entries for a list of an account."""
    return documented_list(ProblemType.ACCOUNT_NOT_FOUND, ProblemType.OVERLOADED)


async def read_opened_account(services: Services, account_id: str) -> AccountView:
    """Return the account at its newest version.

    Raises:
        ProblemError: The account has not been opened, so it has no lists.
    """
    view = await services.decider.read_account(AccountId(account_id))
    require_opened(view)
    return view
