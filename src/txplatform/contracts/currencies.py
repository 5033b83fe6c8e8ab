"""The response to `GET /v1/currencies`."""

from dataclasses import dataclass

from txplatform.domain.currencies import Currency


@dataclass(frozen=True, slots=True)
class CurrenciesResponse:
    """A page of the currencies that accounts and purchases can have, ordered by code.

    Attributes:
        next_cursor: The cursor for the next page; null on the last page.
    """

    items: list[Currency]
    next_cursor: str | None
