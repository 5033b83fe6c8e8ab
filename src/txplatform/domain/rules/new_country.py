"""Refuses a large first purchase in a country."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import CodeList, CountryCodes
from txplatform.domain.rules.parameters import Currency, PurchaseAmountOrNothing
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import in_currency


@dataclass(frozen=True, slots=True)
class NewCountry(ConfigurableRule):
    """Declines large first purchases in a country. Field 39 is 57, not permitted.

    An approved purchase makes its country known. An account verification does not, since it costs
    nothing.

    Without home countries, an account's first purchase of all is allowed in any country. With home
    countries, it is refused like any other purchase abroad.

    Attributes:
        max_amount: The largest allowed first purchase in a country, minor units; 0 allows none.
        home_countries: Countries that are known from the start, ISO 3166-1 alpha-3.
        currency: The currency of the accounts it applies to; None for all, each in its own minor
            units.
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
        home = f" other than {', '.join(self.home_countries)}" if self.home_countries else ""
        return (
            f"The first purchase in a country{home} may not be above "
            f"{self.max_amount}{in_currency(self.currency)}."
        )

    @override
    def observe(self, case: Case, /) -> int | None:
        """Return the total of the purchase if the country is new."""
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
