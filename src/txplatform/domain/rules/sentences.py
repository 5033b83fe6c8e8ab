"""Phrases for the sentences that describe rules."""

from typing import assert_never

from txplatform.domain.activity import VelocityScope
from txplatform.domain.currencies import format_money
from txplatform.domain.requests import Merchant
from txplatform.pluralize import pluralize

_DAY, _HOUR = 24 * 60, 60


def limit_of(amount: int, currency: str | None) -> str:
    """Return a limit as text; without a currency, in minor units of the account's currency."""
    if currency is None:
        return f"{amount} minor units of the account's currency"
    return format_money(amount, currency)


def of_scope(scope: VelocityScope, merchant: Merchant | None = None) -> str:
    """Return a scope as text: `at one merchant`, or `at merchant 42` if `merchant` is given.

    What the scope names is known of the merchant.
    """
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
    """Return a duration as text, in the largest unit that gives a whole number: `2 hours`."""
    for length, unit in ((_DAY, "day"), (_HOUR, "hour")):
        if minutes % length == 0:
            return pluralize(minutes // length, unit)
    return pluralize(minutes, "minute")
