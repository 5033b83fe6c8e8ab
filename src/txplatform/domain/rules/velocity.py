"""Rules that limit the amount or the number of purchases in a time window."""

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from txplatform.domain.activity import VelocityScope, is_in_scope
from txplatform.domain.currencies import format_money
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
from txplatform.domain.rules.sentences import limit_of, of_scope, time_span


@dataclass(frozen=True, slots=True)
class VelocityAmount(ConfigurableRule):
    """Declines if too much is spent in a time window.

    Response code 61 (exceeds the amount limit), ISO 8583:1987 field 39.

    A purchase of which the scope's value is unknown is neither counted nor declined.

    Attributes:
        window_minutes: The length of the window, which ends at the time of the decision.
        max_amount: The largest allowed sum in the window including this purchase, minor units.
        scope: The purchases to add up, such as those at the same merchant.
        currency: Limits the rule to accounts in this currency; None for all accounts.
    """

    RULE: ClassVar = "velocity_amount"
    CODE: ClassVar = ReasonCode.VELOCITY_AMOUNT_EXCEEDED
    REFUSES: ClassVar = "more money than that within the window, including this purchase"
    EXAMPLE: ClassVar = {"window_minutes": 1440, "max_amount": 500_000, "currency": "GBP"}

    window_minutes: WindowMinutes
    max_amount: SpentAmount
    scope: Scope = VelocityScope.ACCOUNT
    currency: Currency = None

    @override
    def sentence(self) -> str:
        return (
            f"At most {limit_of(self.max_amount, self.currency)} "
            f"{of_scope(self.scope)} within {time_span(self.window_minutes)}."
        )

    @override
    def observe(self, case: Case, /) -> int | None:
        """Return the sum including this purchase, minor units; None if the rule does not apply."""
        spent = case.spent
        if not spent:
            return None
        purchase = case.purchase
        if self.currency is not None and purchase.currency != self.currency:
            return None
        if not is_in_scope(self.scope, purchase.merchant):
            return None
        return spent + case.account.activity.amount(
            case.minute - self.window_minutes, self.scope, purchase.merchant
        )

    @override
    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        if observed <= self.max_amount:
            return None
        currency = case.purchase.currency
        return Reason.of(
            self.CODE,
            f"This adds up to {format_money(observed, currency)} "
            f"{of_scope(self.scope, case.purchase.merchant)} "
            f"within {time_span(self.window_minutes)}; "
            f"the limit is {format_money(self.max_amount, currency)}.",
            observed=observed,
            limit=self.max_amount,
        )


@dataclass(frozen=True, slots=True)
class VelocityCount(ConfigurableRule):
    """Declines if there are too many purchases in a time window.

    Response code 65 (exceeds the count limit), ISO 8583:1987 field 39.

    A purchase of which the scope's value is unknown is neither counted nor declined.

    Attributes:
        window_minutes: The length of the window, which ends at the time of the decision.
        max_count: The largest allowed number of purchases in the window, including this purchase.
        scope: The purchases to count, such as those at the same merchant.
    """

    RULE: ClassVar = "velocity_count"
    CODE: ClassVar = ReasonCode.VELOCITY_COUNT_EXCEEDED
    REFUSES: ClassVar = "more purchases than that within the window, including this one"
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
        """Return the number of purchases including this purchase; None if the rule does not apply.

        The rule does not apply to an increment. Account verifications count, because fraudsters
        test cards with bursts of verifications.
        """
        merchant = case.purchase.merchant
        if case.raised_from or not is_in_scope(self.scope, merchant):
            return None
        return 1 + case.account.activity.count(
            case.minute - self.window_minutes, self.scope, merchant
        )

    @override
    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        if observed <= self.max_count:
            return None
        return Reason.of(
            self.CODE,
            f"This is purchase {observed} {of_scope(self.scope, case.purchase.merchant)} "
            f"within {time_span(self.window_minutes)}; the limit is {self.max_count}.",
            observed=observed,
            limit=self.max_count,
        )
