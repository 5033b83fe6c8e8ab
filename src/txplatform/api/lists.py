"""Parameters and checks that list endpoints share."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, StringConstraints

from txplatform.api.dependencies import require_opened
from txplatform.api.openapi_entries import Responses, documented
from txplatform.api.services import Services
from txplatform.contracts.fields import UtcTime
from txplatform.contracts.problems import ProblemType
from txplatform.decisions.request import AccountView
from txplatform.domain.ids import AccountId

Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of an earlier page. Send the same filters with it."),
]
Since = Annotated[
    UtcTime | None, Query(alias="from", description="The earliest recorded time, RFC 3339.")
]
Until = Annotated[
    UtcTime | None, Query(description="The end of the recorded times, exclusive, RFC 3339.")
]
Limit = Annotated[int, Query(ge=1, le=500, description="The maximum page size.")]


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("has characters that cannot be printed")
    return value


BodyId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(_printable),
]
"""An id that stands in bodies only, as the value of a filter."""


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
