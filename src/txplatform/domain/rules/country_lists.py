"""Rules that allow or deny countries."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import AllowList, CountryCodes, DenyList
from txplatform.domain.rules.rule import ConfigurableRule


@dataclass(frozen=True, slots=True)
class CountryAllow(ConfigurableRule):
    """Declines purchases in countries that are not on the list.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        countries: The allowed countries, ISO 3166-1 alpha-3.
    """

    RULE: ClassVar = "country_allow"
    CODE: ClassVar = ReasonCode.COUNTRY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in any other country"
    EXAMPLE: ClassVar = {"countries": ["FRA", "GBR", "USA"]}

    countries: Annotated[tuple[str, ...], AllowList(CountryCodes)]

    @override
    def sentence(self) -> str:
        return f"Only purchases in {', '.join(self.countries)} are allowed."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.country

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        return None if observed in self.countries else _not_allowed(case, observed)


@dataclass(frozen=True, slots=True)
class CountryDeny(ConfigurableRule):
    """Declines purchases in the listed countries.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        countries: The denied countries, ISO 3166-1 alpha-3.
    """

    RULE: ClassVar = "country_deny"
    CODE: ClassVar = ReasonCode.COUNTRY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in one of these countries"
    EXAMPLE: ClassVar = {"countries": ["IRN", "PRK", "SYR"]}

    countries: Annotated[tuple[str, ...], DenyList(CountryCodes)]

    @override
    def sentence(self) -> str:
        return f"No purchase in {', '.join(self.countries)} is allowed."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.country

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        return _not_allowed(case, observed) if observed in self.countries else None


def _not_allowed(case: Case, observed: str) -> Reason:
    # Account verifications are declined too, because they would lead to a purchase.
    return Reason.of(
        ReasonCode.COUNTRY_NOT_ALLOWED,
        f"Purchases in {observed}, such as at {case.purchase.merchant.name}, are not allowed.",
        observed=observed,
    )
