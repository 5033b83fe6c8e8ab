"""Checks of rules' parameters, shared by the rules: each error says what, why and what next."""

from __future__ import annotations

import itertools
import re

from txplatform.domain.activity import LONGEST_WINDOW
from txplatform.domain.money import MAX_AMOUNT

_COUNTRY = re.compile(r"[A-Z]{3}", re.ASCII)
_CURRENCY = _COUNTRY
_MERCHANT = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_LONGEST_SHOWN = 14  # with its quotes; a card number has 13 digits at least
MAX_COUNT = 1_000_000
"""The most purchases that a velocity rule may allow in its window."""


class ParameterError(ValueError):
    """A rule or rule set was given a parameter that makes no sense.

    Attributes:
        field: The parameter's name.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


def shown(value: object) -> str:
    """A value as an error may repeat it: nothing long enough to be a card number."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else "a long value"


def sorted_countries(field: str, countries: tuple[str, ...]) -> tuple[str, ...]:
    """The countries in alphabetical order, so that one list is written in one way.

    Raises:
        ParameterError: One is not three capital letters, or is repeated.
    """
    for country in countries:
        if not _COUNTRY.fullmatch(country):
            raise ParameterError(
                field,
                f"has {shown(country)}, which is no ISO 3166-1 alpha-3 code; "
                "write three capital letters, such as GBR.",
            )
    return _sorted_without_repeats(field, countries)


def sorted_merchants(field: str, merchants: tuple[str, ...]) -> tuple[str, ...]:
    """The merchant ids in alphabetical order.

    Raises:
        ParameterError: One cannot be a merchant id, or is repeated.
    """
    for merchant in merchants:
        if not _MERCHANT.fullmatch(merchant):
            raise ParameterError(
                field,
                f"has {shown(merchant)}, which no merchant can have as its id; "
                "write 1 to 64 characters of A-Z, a-z, 0-9 and . _ : -.",
            )
    return _sorted_without_repeats(field, merchants)


def check_not_empty(field: str, values: tuple[str, ...], otherwise: str) -> None:
    """Refuse an empty list.

    Raises:
        ParameterError: It is empty.
    """
    if not values:
        raise ParameterError(field, f"is empty, {otherwise}; name at least one or drop the rule.")


def check_amount(field: str, amount: int, least: int = 1) -> None:
    """Refuse what cannot be a limit of money.

    Raises:
        ParameterError: It is below the least or above the largest amount there is.
    """
    if not least <= amount <= MAX_AMOUNT:
        raise ParameterError(
            field,
            f"is {amount}, which is no limit that a purchase can meet; "
            f"write minor units from {least} to {MAX_AMOUNT}.",
        )


def check_count(field: str, count: int) -> None:
    """Refuse what cannot be a limit of purchases.

    Raises:
        ParameterError: It is below 1 or too many to be a limit.
    """
    if not 1 <= count <= MAX_COUNT:
        raise ParameterError(
            field,
            f"is {count}, which is no number of purchases to allow; write 1 to {MAX_COUNT} "
            "(to allow none, deny the country, category or merchant).",
        )


def check_window(field: str, minutes: int) -> None:
    """Refuse a window that the account's activity cannot answer.

    Raises:
        ParameterError: It is not within 1 minute and 30 days.
    """
    if not 1 <= minutes <= LONGEST_WINDOW:
        raise ParameterError(
            field,
            f"is {minutes}, but purchases are remembered for 30 days; "
            f"write minutes from 1 to {LONGEST_WINDOW}.",
        )


def check_currency(field: str, currency: str | None) -> None:
    """Refuse what cannot be a currency.

    Raises:
        ParameterError: It is not three capital letters.
    """
    if currency is not None and not _CURRENCY.fullmatch(currency):
        raise ParameterError(
            field,
            f"is {shown(currency)}, which is no ISO 4217 code; write three capital letters, "
            "such as USD, or leave it out for accounts of any currency.",
        )


def _sorted_without_repeats(field: str, values: tuple[str, ...]) -> tuple[str, ...]:
    ordered = tuple(sorted(values))
    for value, following in itertools.pairwise(ordered):
        if value == following:
            raise ParameterError(field, f"has {shown(value)} twice; name it once.")
    return ordered
