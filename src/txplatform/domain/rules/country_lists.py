"""Rules that allow or deny countries."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import AllowList, CountryCodes, DenyList
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.unknown import UNKNOWN, RefuseUnknown


@dataclass(frozen=True, slots=True)
class CountryAllow(ConfigurableRule):
    """Declines purchases in countries that are unknown or not on the list.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        countries: The allowed countries, ISO 3166-1 alpha-3.
    """

    RULE: ClassVar = "country_allow"
    CODE: ClassVar = ReasonCode.COUNTRY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in any other country, or in an unknown one"
    EXAMPLE: ClassVar = {"countries": ["FRA", "GBR", "USA"]}

    countries: Annotated[tuple[str, ...], AllowList(CountryCodes)]

    @override
    def sentence(self) -> str:
        return f"Only purchases in {', '.join(self.countries)} are allowed."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.country or UNKNOWN

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        return None if observed in self.countries else _not_allowed(case, observed)


@dataclass(frozen=True, slots=True)
class CountryDeny(ConfigurableRule):
    """Declines purchases in the listed countries.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        countries: The denied countries, ISO 3166-1 alpha-3.
        refuse_unknown: True to decline purchases in an unknown country too.
    """

    RULE: ClassVar = "country_deny"
    CODE: ClassVar = ReasonCode.COUNTRY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in one of these countries"
    EXAMPLE: ClassVar = {"countries": ["IRN", "PRK", "SYR"]}

    countries: Annotated[tuple[str, ...], DenyList(CountryCodes)]
    refuse_unknown: RefuseUnknown = False

    @override
    def sentence(self) -> str:
        unknown = " or in an unknown country" if self.refuse_unknown else ""
        return f"No purchase in {', '.join(self.countries)}{unknown} is allowed."

    @override
    def observe(self, case: Case, /) -> str | None:
        """Return the country; None if it is unknown and the rule does not refuse that."""
        country = case.purchase.merchant.country
        return UNKNOWN if country is None and self.refuse_unknown else country

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        if observed in self.countries or case.purchase.merchant.country is None:
            return _not_allowed(case, observed)
        return None


def _not_allowed(case: Case, observed: str) -> Reason:
    # Account verifications are declined too, because they would lead to a purchase.
    merchant = case.purchase.merchant
    return Reason.of(
        ReasonCode.COUNTRY_NOT_ALLOWED,
        f"Purchases in {merchant.country or 'an unknown country'}, such as at {merchant.name}, "
        "are not allowed.",
        observed=observed,
    )
