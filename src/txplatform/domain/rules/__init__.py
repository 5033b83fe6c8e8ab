"""Rules that decline purchases: some are always on, a rule set turns on the others.

A rule is a frozen dataclass. Its fields are its parameters, `observe` measures a purchase, and
`refusal` returns the reason if the measured value is refused. Every rule judges each purchase, so
that a decline names every reason. "Field 39" is the response code of ISO 8583:1987.

To add a rule, write its module and list the class in `CONFIGURABLE`; a new reason is a line of
`reasons.py`. JSON form, schema, differences, comparison with rules of its kind and the line in
docs/rules.md follow from the class (`make schemas` writes the documents).
"""

from txplatform.domain.rules.always_on import ALWAYS
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.category_lists import CategoryAllow, CategoryDeny
from txplatform.domain.rules.country_lists import CountryAllow, CountryDeny
from txplatform.domain.rules.merchant_deny import MerchantDeny
from txplatform.domain.rules.new_country import NewCountry
from txplatform.domain.rules.rule import ConfigurableRule, Judgement, Rule
from txplatform.domain.rules.velocity import VelocityAmount, VelocityCount

__all__ = ["ALWAYS", "CONFIGURABLE", "Case", "ConfigurableRule", "Judgement", "Rule"]

CONFIGURABLE: tuple[type[ConfigurableRule], ...] = (
    CountryAllow,
    CountryDeny,
    NewCountry,
    CategoryAllow,
    CategoryDeny,
    MerchantDeny,
    AmountLimit,
    CashLike,
    VelocityAmount,
    VelocityCount,
)
"""The rules that a rule set or an account's controls can turn on."""
