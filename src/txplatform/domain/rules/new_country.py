"""Refuses a large purchase in a country where the account never spent before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import CodeList, CountryCodes
from txplatform.domain.rules.parameters import Currency, PurchaseAmountOrNothing
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import in_currency, listed


@dataclass(frozen=True, slots=True)
class NewCountry(ConfigurableRule):
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

    RULE: ClassVar = "new_country"
    CODE: ClassVar = ReasonCode.COUNTRY_NOT_ALLOWED
    REFUSES: ClassVar = "a larger purchase in a country where the account never spent"
    EXAMPLE: ClassVar = {"max_amount": 20_000, "home_countries": ["GBR"]}

    max_amount: PurchaseAmountOrNothing
    home_countries: Annotated[tuple[str, ...], CodeList(CountryCodes)] = ()
    currency: Currency = None

    @override
    def sentence(self) -> str:
        home = f" other than {listed(self.home_countries)}" if self.home_countries else ""
        return (
            f"The first purchase in a country{home} may not be above "
            f"{self.max_amount}{in_currency(self.currency)}."
        )

    @override
    def observe(self, case: Case, /) -> int | None:
        """Measure what the purchase comes to if the country is new."""
        country = case.purchase.merchant.country
        known = case.account.activity.countries
        if country in known or country in self.home_countries:
            return None
        if not known and not self.home_countries:
            return None
        if self.currency is not None and case.purchase.currency != self.currency:
            return None
        return case.total or None

    @override
    def refusal(self, case: Case, observed: int, /) -> Reason | None:
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
