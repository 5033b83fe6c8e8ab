"""Phrases shared by the sentences that describe rules."""

from typing import assert_never

from txplatform.domain.activity import VelocityScope
from txplatform.domain.requests import Merchant
from txplatform.pluralize import pluralize

_DAY, _HOUR = 24 * 60, 60


def in_currency(currency: str | None) -> str:
    """Return the phrase for the unit of an amount; None is the account's own currency."""
    return " in the account's minor units" if currency is None else f" in minor units of {currency}"


def of_scope(scope: VelocityScope, merchant: Merchant | None = None) -> str:
    """Return the phrase for a velocity scope, for a given merchant or in general."""
    match scope:
        case VelocityScope.ACCOUNT:
            return "on the account"
        case VelocityScope.CATEGORY:
            return f"in category {merchant.category_code}" if merchant else "in one category"
        case VelocityScope.MERCHANT:
            return f"at merchant {merchant.id}" if merchant else "at one merchant"
        case VelocityScope.COUNTRY:
            return f"in {merchant.country}" if merchant else "in one country"
        case _:
            assert_never(scope)


def time_span(minutes: int) -> str:
    """Return a duration in days, hours or minutes, the largest unit with a whole number."""
    for length, unit in ((_DAY, "day"), (_HOUR, "hour")):
        if minutes % length == 0:
            return pluralize(minutes // length, unit)
    return pluralize(minutes, "minute")
