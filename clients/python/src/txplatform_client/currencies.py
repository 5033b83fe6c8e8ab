"""The currencies that the platform knows."""

from txplatform_client.call import ListCall, listing
from txplatform_client.fields import Body, Page


class Currency(Body):
    """A currency.

    Attributes:
        code: ISO 4217.
        exponent: The number of decimal places of an amount in the main unit.
    """

    code: str
    exponent: int
    name: str


class CurrenciesPage(Page[Currency]):
    """A page of currencies."""


class CurrencyCalls:
    """The call that every key may make."""

    @listing
    def list_currencies(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> ListCall[CurrenciesPage, Currency]:
        """List the currencies by code."""
        return ListCall("GET", ("currencies",), CurrenciesPage, {"limit": limit, "cursor": cursor})
