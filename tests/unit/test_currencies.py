"""Amounts formatted for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txplatform.domain.currencies import CURRENCIES, Currency, format_amount, format_money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1250, "USD", "12.50 USD"),
        (1250, "JPY", "1,250 JPY"),
        (1250, "KWD", "1.250 KWD"),
        (5, "EUR", "0.05 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (0, "EUR", "0.00 EUR"),
        (-123_456_789, "GBP", "-1,234,567.89 GBP"),
        (10**15 - 1, "CLP", "999,999,999,999,999 CLP"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(amount: int, currency: str, text: str) -> None:
    assert format_money(amount, currency) == text


def test_the_currencies_are_those_that_cards_use() -> None:
    """Funds, metals and units of account have codes in ISO 4217, but no card account has them."""
    assert CURRENCIES["KWD"] == Currency("KWD", 3, "Kuwaiti Dinar")
    assert list(CURRENCIES) == sorted(CURRENCIES)
    assert len(CURRENCIES) == 155
    assert {currency.exponent for currency in CURRENCIES.values()} == {0, 2, 3}
    assert not CURRENCIES.keys() & {"XAU", "XXX", "XDR", "CHW", "UYW", "XAD"}


@given(st.integers(-(2**70), 2**70), st.sampled_from([*sorted(CURRENCIES), None]))
def test_the_minor_units_can_be_read_back(amount: int, currency: str | None) -> None:
    text = format_amount(amount, currency)
    assert int(text.replace(",", "").replace(".", "")) == amount
