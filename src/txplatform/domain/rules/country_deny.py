"""Refuses purchases in listed countries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import CountryCodes, DenyList
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import listed


@dataclass(frozen=True, slots=True)
class CountryDeny(ConfigurableRule):
    """Field 39 is 57, not permitted to this cardholder.

    Attributes:
        countries: Countries where the card does not work, ISO 3166-1 alpha-3.
    """

    RULE: ClassVar = "country_deny"
    CODE: ClassVar = ReasonCode.COUNTRY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in one of them"
    EXAMPLE: ClassVar = {"countries": ["IRN", "PRK", "SYR"]}

    countries: Annotated[tuple[str, ...], DenyList(CountryCodes)]

    @override
    def sentence(self) -> str:
        return f"No purchase in {listed(self.countries)} is allowed."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.country

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        """Refuse an account verification too: it would only lead to a purchase."""
        if observed not in self.countries:
            return None
        merchant = case.purchase.merchant
        return Reason.of(
            self.CODE,
            f"Purchases in {observed} are not allowed, so none at {merchant.name}.",
            observed=observed,
        )
