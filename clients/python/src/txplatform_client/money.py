"""Amounts of money with their currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

import iso4217

from txplatform_client.errors import InvalidArgumentError

_EXACT = Context(prec=60, Emin=-60, Emax=60, traps=[Inexact, InvalidOperation, Overflow])
"""Raises an error instead of rounding."""


class MoneyError(InvalidArgumentError):
    """An amount is malformed, a currency is not listed, or two currencies are mixed."""


def decimals_of(currency: str) -> int:
    """Return the number of decimal places of a currency: 2 for EUR, 0 for JPY.

    Raises:
        MoneyError: ISO 4217 does not list the currency, or it has no minor unit.
    """
    try:
        exponent = iso4217.Currency(currency).exponent
    except ValueError:
        exponent = None
    if exponent is None:
        raise MoneyError(f"{currency!r} is not a currency of ISO 4217 with a minor unit.")
    return int(exponent)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the minor unit of its currency, as the platform counts it.

    `str(Money(1250, "EUR"))` is `12.50 EUR`.

    Attributes:
        minor: The amount in the minor unit, such as cents; may be negative.
        currency: An ISO 4217 code.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        decimals_of(self.currency)

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Money:
        """Return the money for an amount in the main unit, such as `"12.50"`.

        Raises:
            MoneyError: The amount is not a number, or has more decimals than the currency or more
                than 60 digits.
        """
        decimals = decimals_of(currency)
        try:
            minor = _EXACT.scaleb(_EXACT.create_decimal(amount), decimals)
            whole = int(minor)
        except (ArithmeticError, ValueError):
            raise MoneyError(f"{amount!r} is not an amount, such as 12.50.") from None
        if whole != minor:
            raise MoneyError(f"{amount} has too many decimals; {currency} has {decimals}.")
        return cls(whole, currency)

    @property
    def decimals(self) -> int:
        """The number of decimal places of the currency."""
        return decimals_of(self.currency)

    @property
    def amount(self) -> Decimal:
        """The amount in the main unit, with the currency's decimals."""
        return Decimal(f"{self.minor}e-{self.decimals}")

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __str__(self) -> str:
        return f"{self.amount:,f} {self.currency}"

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise MoneyError(f"{self} and {other} have different currencies.")
        return other.minor
