"""The currencies of ISO 4217, and amounts as text with the decimal places of their currency.

The table is list one of the ISO 4217 maintenance agency (SIX), as packaged by the library iso4217.
Funds, metals and units of account are left out, because cards do not use them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import iso4217
from annotated_types import Interval, Len, MaxLen

_UNITS_OF_ACCOUNT = frozenset({"UYW", "XAD"})
_USUAL_EXPONENT = 2


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency.

    Attributes:
        code: ISO 4217, three capital letters.
        exponent: The number of decimal places of an amount in the currency's main unit.
        name: The English name in ISO 4217.
    """

    code: Annotated[str, Len(3, 3)]
    exponent: Annotated[int, Interval(ge=0, le=4)]
    name: Annotated[str, MaxLen(100)]


def _listed() -> Iterator[Currency]:
    for entry in iso4217.raw_xml.iterfind("CcyTbl/CcyNtry"):
        code, name = entry.findtext("Ccy"), entry.find("CcyNm")
        exponent = (entry.findtext("CcyMnrUnts") or "").strip()
        if code is None or name is None or not exponent.isdigit():
            continue
        if name.get("IsFund", "").lower() != "true" and code not in _UNITS_OF_ACCOUNT:
            yield Currency(code.strip(), int(exponent), (name.text or "").strip())


CURRENCIES = {currency.code: currency for currency in sorted(_listed(), key=lambda each: each.code)}
"""All currencies, by code. Many countries have the same currency."""


def format_amount(amount: int, currency: str | None) -> str:
    """Format minor units as a decimal number, such as `1,234.50`.

    If the currency is None, because the account is not opened yet, two decimal places are assumed.
    """
    listed = CURRENCIES.get(currency or "")
    exponent = _USUAL_EXPONENT if listed is None else listed.exponent
    whole, fraction = divmod(abs(amount), 10**exponent)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole:,}.{fraction:0{exponent}}" if exponent else f"{sign}{whole:,}"


def format_money(amount: int, currency: str) -> str:
    """Format minor units as a decimal number with the currency, such as `12.50 USD`."""
    return f"{format_amount(amount, currency)} {currency}"
