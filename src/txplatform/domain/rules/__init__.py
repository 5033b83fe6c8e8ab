"""The rules a purchase has to pass, in their order of precedence.

A rule is one module with one function `(account, purchase) -> Reason | None`; to add
one, write the module and list it here. All rules are asked, so that a decline names
every reason; the first one listed gives the answer its response code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.domain.rules.account_opened import account_opened
from txplatform.domain.rules.credit_limit import credit_limit
from txplatform.domain.rules.same_currency import same_currency

if TYPE_CHECKING:
    from collections.abc import Callable

    from txplatform.domain.account import Account
    from txplatform.domain.purchase import Purchase
    from txplatform.domain.reasons import Reason

    Rule = Callable[[Account, Purchase], Reason | None]

RULESET = "default@1"
"""The name and version of the rules below, recorded with every decision."""

RULES: tuple[Rule, ...] = (account_opened, same_currency, credit_limit)


def refusals(account: Account, purchase: Purchase) -> tuple[Reason, ...]:
    """Every rule's refusal of this purchase, most important first; empty when it is approved."""
    return tuple(reason for rule in RULES if (reason := rule(account, purchase)) is not None)
