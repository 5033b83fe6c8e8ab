"""The response to `GET /v1/currencies`."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MaxLen

from txplatform.contracts import response_fields as out
from txplatform.domain.currencies import Currency


@dataclass(frozen=True, slots=True)
class CurrenciesResponse:
    """A page of the currencies that accounts and purchases can have, ordered by code.

    Attributes:
        next_cursor: The cursor for the next page; null on the last page.
    """

    items: Annotated[list[Currency], MaxLen(out.MAX_PAGE)]
    next_cursor: out.Cursor | None
