"""The rule that declines a large purchase in a country that is new to the account."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.currencies import format_money
from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import CodeList, CountryCodes
from txplatform.domain.rules.parameters import Currency, PurchaseAmountOrNothing
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import limit_of


@dataclass(frozen=True, slots=True)
class NewCountry(ConfigurableRule):
    """Declines large purchases in a country that is new to the account.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    A country stays new until a purchase there is approved; account verifications do not count. If
    `home_countries` is empty, an account's very first purchase may be in any country. The rule does
    not apply to a purchase in an unknown country.

    Attributes:
        max_amount: The largest allowed amount, in minor units of the account's currency; 0 allows
            account verifications only.
        home_countries: Countries that are never new, ISO 3166-1 alpha-3.
        currency: Limits the rule to accounts in this currency; None for all accounts.
    """

    RULE: ClassVar = "new_country"
    CODE: ClassVar = ReasonCode.COUNTRY_NOT_ALLOWED
    REFUSES: ClassVar = "a larger purchase in a country where the account has never spent"
    EXAMPLE: ClassVar = {"max_amount": 20_000, "home_countries": ["GBR"]}

    max_amount: PurchaseAmountOrNothing
    home_countries: Annotated[tuple[str, ...], CodeList(CountryCodes)] = ()
    currency: Currency = None

    @override
    def sentence(self) -> str:
        home = f" other than {', '.join(self.home_countries)}" if self.home_countries else ""
        return (
            f"The first purchase in a country{home} may not be above "
            f"{limit_of(self.max_amount, self.currency)}."
        )

    @override
    def observe(self, case: Case, /) -> int | None:
        """Return the purchase's total in minor units; None if the rule does not apply."""
        country = case.purchase.merchant.country
        known = case.account.activity.countries
        if country is None or country in known or country in self.home_countries:
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
            f"The purchase of {format_money(observed, purchase.currency)} is the first in "
            f"{purchase.merchant.country}; the limit for a first purchase is "
            f"{format_money(self.max_amount, purchase.currency)}.",
            observed=observed,
            limit=self.max_amount,
        )
