"""The rule that declines a single purchase above an amount."""

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import Currency, PurchaseAmount
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import in_currency


@dataclass(frozen=True, slots=True)
class AmountLimit(ConfigurableRule):
    """Declines a purchase above an amount. Field 39 is 61, exceeds the amount limit.

    Attributes:
        max_amount: The largest allowed amount, in minor units of the account's currency.
        currency: Limits the rule to accounts in this currency; None for all accounts.
    """

    RULE: ClassVar = "amount_limit"
    CODE: ClassVar = ReasonCode.AMOUNT_LIMIT_EXCEEDED
    REFUSES: ClassVar = "a larger purchase"
    EXAMPLE: ClassVar = {"max_amount": 250_000}

    max_amount: PurchaseAmount
    currency: Currency = None

    @override
    def sentence(self) -> str:
        return f"No purchase may be above {self.max_amount}{in_currency(self.currency)}."

    @override
    def observe(self, case: Case, /) -> int | None:
        """Return the purchase's total, minor units; None if the rule does not apply."""
        if self.currency is not None and case.purchase.currency != self.currency:
            return None
        return case.total or None

    @override
    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        if observed <= self.max_amount:
            return None
        return Reason.of(
            self.CODE,
            f"The purchase of {observed} {case.purchase.currency} is above the limit "
            f"of {self.max_amount} for one purchase.",
            observed=observed,
            limit=self.max_amount,
        )
