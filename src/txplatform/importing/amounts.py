"""Convert the decimal amounts of files to minor units, exactly."""

from __future__ import annotations

import re
from decimal import Decimal

from txplatform.domain.currencies import CURRENCIES

_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,12})?", re.ASCII)


def minor_units(amount: str, currency: str) -> int:
    """Convert a decimal number such as `12.50` to minor units of its currency.

    Raises:
        ValueError: The amount is not a plain decimal number, has a fraction below the minor unit,
            or the currency is unknown. The message completes a sentence about the amount.
    """
    if _DECIMAL.fullmatch(amount) is None:
        raise ValueError(
            "must be digits with a decimal point, without sign or thousands separator: 1234.50"
        )
    return to_minor_units(Decimal(amount), currency)


def to_minor_units(amount: Decimal, currency: str) -> int:
    """Convert an amount in units of its currency to minor units.

    Raises:
        ValueError: The amount has a fraction below the minor unit, or the currency is unknown.
    """
    if currency not in CURRENCIES:
        raise ValueError("has a currency that is not an ISO 4217 code")
    decimals = CURRENCIES[currency].exponent
    # Exact: amounts in files have at most 27 digits, and the context's precision is 28.
    minor = amount.scaleb(decimals)
    if minor != minor.to_integral_value():
        raise ValueError(f"has more than the {decimals} decimals of {currency}")
    return int(minor)
