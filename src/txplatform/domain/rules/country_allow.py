"""Refuses purchases outside a list of countries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import check_not_empty, sorted_countries
from txplatform.domain.rules.sentences import listed


@dataclass(frozen=True, slots=True)
class CountryAllow:
    """Field 39 is 57, not permitted to this cardholder.

    Attributes:
        countries: The only countries where the card works, ISO 3166-1 alpha-3.
    """

    RULE: ClassVar[str] = "country_allow"
    CODE: ClassVar[ReasonCode] = ReasonCode.COUNTRY_NOT_ALLOWED

    countries: tuple[str, ...]

    def __post_init__(self) -> None:
        check_not_empty("countries", self.countries, "so it would refuse every purchase")
        object.__setattr__(self, "countries", sorted_countries("countries", self.countries))

    def sentence(self) -> str:
        """What it refuses, for people."""
        return f"Only purchases in {listed(self.countries)} are allowed."

    def observe(self, case: Case, /) -> str:
        """The merchant's country."""
        return case.purchase.merchant.country

    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        """An account verification is refused too: it would only lead to a purchase."""
        if observed in self.countries:
            return None
        merchant = case.purchase.merchant
        return Reason.of(
            self.CODE,
            f"Purchases in {observed} are not allowed, so none at {merchant.name}.",
            observed=observed,
        )
