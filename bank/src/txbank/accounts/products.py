"""The card products, with the currencies and the credit limits that each allows."""

from enum import StrEnum

from txbank.errors import TxBankError
from txplatform_client import Money


class Product(StrEnum):
    """A card product."""

    CLASSIC = "classic"
    STANDARD = "standard"
    GOLD = "gold"
    BUSINESS = "business"


MAX_LIMITS: dict[Product, dict[str, int]] = {
    Product.CLASSIC: {
        "CHF": 1_000_000,
        "EUR": 1_000_000,
        "GBP": 1_000_000,
        "JPY": 1_500_000,
        "USD": 1_000_000,
    },
    Product.STANDARD: {"EUR": 5_000_000, "GBP": 5_000_000, "USD": 5_000_000},
    Product.GOLD: {
        "CHF": 5_000_000,
        "EUR": 5_000_000,
        "GBP": 5_000_000,
        "JPY": 7_500_000,
        "USD": 5_000_000,
    },
    Product.BUSINESS: {"EUR": 100_000_000, "GBP": 100_000_000, "USD": 100_000_000},
}
"""The highest credit limit of each currency in which a product is offered, minor units."""


class ProductRuleError(TxBankError):
    """The product is not offered in the currency, or does not allow the limit."""


def check_limit(product: Product, currency: str, credit_limit: int) -> None:
    """Check that a product is offered in a currency and allows a credit limit, minor units.

    Raises:
        ProductRuleError: The product does not allow the currency or the limit.
    """
    limits = MAX_LIMITS[product]
    if currency not in limits:
        raise ProductRuleError(
            f"The product {product} is not offered in {currency}.",
            next_step=f"Use one of {', '.join(limits)}.",
            fields=["currency"],
        )
    if credit_limit > limits[currency]:
        raise ProductRuleError(
            f"The product {product} allows at most {Money(limits[currency], currency)}.",
            next_step="Use a lower limit or another product.",
            fields=["credit_limit"],
        )
