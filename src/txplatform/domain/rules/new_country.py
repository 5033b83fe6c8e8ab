"""Refuses a large purchase in a country where the account never spent before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import check_amount, check_currency, sorted_countries
from txplatform.domain.rules.sentences import in_currency, listed


@dataclass(frozen=True, slots=True)
class NewCountry:
    """Field 39 is 57, not permitted to this cardholder.

    The country becomes known by a purchase that is approved there, not by an account
    verification: nobody is to open a country for nothing.

    Without home countries an account's very first purchase is let through, since there is
    nothing yet that it could differ from. With them it is refused like any other abroad.

    Attributes:
        max_amount: The most that the first purchase in a country may be, minor units; 0 lets
            nothing through.
        home_countries: Countries that are known from the beginning, ISO 3166-1 alpha-3.
        currency: Only for accounts held in it; None for all, each in its own minor units.
    """

    RULE: ClassVar[str] = "new_country"
    CODE: ClassVar[ReasonCode] = ReasonCode.COUNTRY_NOT_ALLOWED

    max_amount: int
    home_countries: tuple[str, ...] = ()
    currency: str | None = None

    def __post_init__(self) -> None:
        check_amount("max_amount", self.max_amount, least=0)
        check_currency("currency", self.currency)
        home_countries = sorted_countries("home_countries", self.home_countries)
        object.__setattr__(self, "home_countries", home_countries)

    def sentence(self) -> str:
        """What it refuses, for people."""
        home = f" other than {listed(self.home_countries)}" if self.home_countries else ""
        return (
            f"The first purchase in a country{home} may not be above "
            f"{self.max_amount}{in_currency(self.currency)}."
        )

    def observe(self, case: Case, /) -> int | None:
        """What it comes to, where the country is new."""
        country = case.purchase.merchant.country
        known = case.account.activity.countries
        if country in known or country in self.home_countries:
            return None
        if not known and not self.home_countries:
            return None
        if self.currency is not None and case.purchase.currency != self.currency:
            return None
        return case.total or None

    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        """The limit itself is allowed."""
        if observed <= self.max_amount:
            return None
        purchase = case.purchase
        return Reason.of(
            self.CODE,
            f"The purchase of {observed} {purchase.currency} is the first in "
            f"{purchase.merchant.country} and above the limit of {self.max_amount} for that.",
            observed=observed,
            limit=self.max_amount,
        )
