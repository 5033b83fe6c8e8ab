"""Rules about the purchases within a window of time."""

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from txplatform.domain.activity import VelocityScope
from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import (
    Currency,
    PurchaseCount,
    Scope,
    SpentAmount,
    WindowMinutes,
)
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import in_currency, of_scope, time_span


@dataclass(frozen=True, slots=True)
class VelocityAmount(ConfigurableRule):
    """Declines above a sum in a window. Field 39 is 61, exceeds the amount limit.

    Attributes:
        window_minutes: The length of the window, which ends at the time of the decision.
        max_amount: The largest sum in the window with this purchase, minor units.
        scope: The purchases that count together.
        currency: The currency of the accounts it applies to; None for all, each in its own minor
            units.
    """

    RULE: ClassVar = "velocity_amount"
    CODE: ClassVar = ReasonCode.VELOCITY_AMOUNT_EXCEEDED
    REFUSES: ClassVar = "more money than that within the window, this purchase counted"
    EXAMPLE: ClassVar = {"window_minutes": 1440, "max_amount": 500_000, "currency": "GBP"}

    window_minutes: WindowMinutes
    max_amount: SpentAmount
    scope: Scope = VelocityScope.ACCOUNT
    currency: Currency = None

    @override
    def sentence(self) -> str:
        return (
            f"At most {self.max_amount}{in_currency(self.currency)} "
            f"{of_scope(self.scope)} within {time_span(self.window_minutes)}."
        )

    @override
    def observe(self, case: Case, /) -> int | None:
        """Return the sum with this purchase; an account verification adds nothing."""
        spent = case.spent
        if not spent:
            return None
        purchase = case.purchase
        if self.currency is not None and purchase.currency != self.currency:
            return None
        return spent + case.account.activity.amount(
            case.minute - self.window_minutes, self.scope, purchase.merchant
        )

    @override
    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        if observed <= self.max_amount:
            return None
        scope = of_scope(self.scope, case.purchase.merchant)
        return Reason.of(
            self.CODE,
            f"This adds up to {observed} {case.purchase.currency} {scope} "
            f"within {time_span(self.window_minutes)}; {self.max_amount} are allowed.",
            observed=observed,
            limit=self.max_amount,
        )


@dataclass(frozen=True, slots=True)
class VelocityCount(ConfigurableRule):
    """Declines above a number of purchases in a window. Field 39 is 65, exceeds the count.

    Attributes:
        window_minutes: The length of the window, which ends at the time of the decision.
        max_count: The largest number of purchases in the window with this one.
        scope: The purchases that count together.
    """

    RULE: ClassVar = "velocity_count"
    CODE: ClassVar = ReasonCode.VELOCITY_COUNT_EXCEEDED
    REFUSES: ClassVar = "more purchases than that within the window, this one counted"
    EXAMPLE: ClassVar = {"window_minutes": 60, "max_count": 3, "scope": "merchant"}

    window_minutes: WindowMinutes
    max_count: PurchaseCount
    scope: Scope = VelocityScope.ACCOUNT

    @override
    def sentence(self) -> str:
        return (
            f"At most {self.max_count} purchases {of_scope(self.scope)} "
            f"within {time_span(self.window_minutes)}."
        )

    @override
    def observe(self, case: Case, /) -> int | None:
        """Return the number of purchases with this one; an increment is not another purchase.

        Account verifications count, since fraudsters test cards by a burst of them.
        """
        if case.raised_from:
            return None
        return 1 + case.account.activity.count(
            case.minute - self.window_minutes, self.scope, case.purchase.merchant
        )

    @override
    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        if observed <= self.max_count:
            return None
        return Reason.of(
            self.CODE,
            f"This is purchase {observed} {of_scope(self.scope, case.purchase.merchant)} "
            f"within {time_span(self.window_minutes)}; {self.max_count} are allowed.",
            observed=observed,
            limit=self.max_count,
        )
