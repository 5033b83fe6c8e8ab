"""The rule that declines a single purchase above a maximum amount."""

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from txplatform.domain.currencies import format_money
from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import Currency, PurchaseAmount
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import limit_of


@dataclass(frozen=True, slots=True)
class AmountLimit(ConfigurableRule):
    """Declines purchases above a maximum amount.

    Response code 61 (exceeds the amount limit), ISO 8583:1987 field 39.

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
        return f"No purchase may be above {limit_of(self.max_amount, self.currency)}."

    @override
    def observe(self, case: Case, /) -> int | None:
        """Return the purchase's total in minor units; None if the rule does not apply."""
        if self.currency is not None and case.purchase.currency != self.currency:
            return None
        return case.total or None

    @override
    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        if observed <= self.max_amount:
            return None
        currency = case.purchase.currency
        return Reason.of(
            self.CODE,
            f"The purchase of {format_money(observed, currency)} is above the limit "
            f"of {format_money(self.max_amount, currency)} for one purchase.",
            observed=observed,
            limit=self.max_amount,
        )
