"""The rules a purchase has to pass: some for every account, the others as a rule set says.

A rule is one module with one frozen dataclass: its fields are its parameters, `observe` measures,
`refusal` says why what was measured is refused. To add one, write the module and list it in
`CONFIGURABLE`; a reason of its own is a line of `reasons.py`. Its JSON form, schema, differences,
comparison with others of its kind and line in docs/rules.md follow from the class (`make schemas`
writes the documents). All rules are asked, so that a decline names every reason.
"""

from __future__ import annotations

from txplatform.domain.rules.account_opened import OpenedAccount
from txplatform.domain.rules.account_status import UsableAccount
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.category_allow import CategoryAllow
from txplatform.domain.rules.category_deny import CategoryDeny
from txplatform.domain.rules.country_allow import CountryAllow
from txplatform.domain.rules.country_deny import CountryDeny
from txplatform.domain.rules.credit_limit import CreditLimit
from txplatform.domain.rules.merchant_deny import MerchantDeny
from txplatform.domain.rules.new_country import NewCountry
from txplatform.domain.rules.rule import ConfigurableRule, Judgement, Rule
from txplatform.domain.rules.same_currency import SameCurrency
from txplatform.domain.rules.velocity_amount import VelocityAmount
from txplatform.domain.rules.velocity_count import VelocityCount

__all__ = ["ALWAYS", "CONFIGURABLE", "Case", "ConfigurableRule", "Judgement", "Rule"]

ALWAYS: tuple[Rule, ...] = (OpenedAccount(), UsableAccount(), SameCurrency(), CreditLimit())
"""No rule set can turn these off."""

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
"""What a rule set and an account's controls may name."""
