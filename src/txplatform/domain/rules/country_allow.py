"""Refuses purchases outside a list of countries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import AllowList, CountryCodes
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import listed


@dataclass(frozen=True, slots=True)
class CountryAllow(ConfigurableRule):
    """Field 39 is 57, not permitted to this cardholder.

    Attributes:
        countries: The only countries where the card works, ISO 3166-1 alpha-3.
    """

    RULE: ClassVar = "country_allow"
    CODE: ClassVar = ReasonCode.COUNTRY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in any other country"
    EXAMPLE: ClassVar = {"countries": ["FRA", "GBR", "USA"]}

    countries: Annotated[tuple[str, ...], AllowList(CountryCodes)]

    @override
    def sentence(self) -> str:
        return f"Only purchases in {listed(self.countries)} are allowed."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.country

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        """Refuse an account verification too: it would only lead to a purchase."""
        if observed in self.countries:
            return None
        merchant = case.purchase.merchant
        return Reason.of(
            self.CODE,
            f"Purchases in {observed} are not allowed, so none at {merchant.name}.",
            observed=observed,
        )
