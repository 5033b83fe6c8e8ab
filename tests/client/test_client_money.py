"""Amounts of money are exact, or refused."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txplatform_client import Money, MoneyError

DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}
currencies = st.sampled_from([*DECIMALS])
numbers = st.from_regex(r"\A-?[0-9]{1,40}(\.[0-9]{1,80})?([eE][+-]?[0-9]{1,8})?\Z")


@given(numbers | st.text() | st.decimals() | st.integers(), currencies)
def test_any_amount_is_read_exactly_or_refused(amount: str | int | Decimal, currency: str) -> None:
    try:
        money = Money.of(amount, currency)
    except MoneyError:
        return
    assert Fraction(money.minor, 10 ** DECIMALS[currency]) == Fraction(Decimal(amount))


@given(st.integers(-(10**50), 10**50), currencies)
def test_an_amount_is_written_as_it_is_read_whatever_the_precision_of_decimals(
    minor: int, currency: str
) -> None:
    money = Money(minor, currency)
    with localcontext(Context(prec=3)):
        assert Money.of(str(money.amount), currency) == money
        assert f"{money.amount:f}" in str(money).replace(",", "")


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("12.50" + "0" * 30 + "1", "too many decimals; EUR has 2"),
        ("12.505", "too many decimals; EUR has 2"),
        ("1e999999", "not an amount"),
        ("1e-999999999", "not an amount"),
        ("1" * 5000, "not an amount"),
        ("NaN", "not an amount"),
        ("Infinity", "not an amount"),
        ("", "not an amount"),
    ],
)
def test_an_amount_that_is_none_of_the_currency_is_refused(amount: str, words: str) -> None:
    with pytest.raises(MoneyError, match=words):
        Money.of(amount, "EUR")


def test_a_currency_that_is_not_listed_is_named() -> None:
    with pytest.raises(MoneyError, match="'XXQ' is not a currency"):
        Money.of("12.50", "XXQ")
