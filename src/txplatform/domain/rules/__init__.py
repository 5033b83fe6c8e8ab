"""Rules that decline purchases. Some are always on; rule sets and controls turn on the others.

A rule is a frozen dataclass whose fields are its parameters. `observe` measures a purchase, and
`refusal` returns a reason if the measured value is not allowed. All rules are evaluated for every
purchase, so a decline lists all reasons.

To add a rule, write a module and list the class in `CONFIGURABLE`. A new reason needs a line in
`reasons.py`. The JSON form, schema, diff, lint and documentation are derived from the class. Run
`make schemas` to update the documents.
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
"""The rules that rule sets and controls can turn on."""
