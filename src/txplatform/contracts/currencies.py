"""The response to `GET /v1/currencies`."""

from dataclasses import dataclass

from txplatform.domain.currencies import Currency


@dataclass(frozen=True, slots=True)
class CurrenciesResponse:
    """The currencies that accounts and purchases can have, ordered by code.

    Attributes:
        next_cursor: Always null: the list has one page.
    """

    items: list[Currency]
    next_cursor: None
