"""Refuses one purchase more than were allowed within a window of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from txplatform.domain.activity import VelocityScope
from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import PurchaseCount, Scope, WindowMinutes
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import of_scope, time_span


@dataclass(frozen=True, slots=True)
class VelocityCount(ConfigurableRule):
    """Field 39 is 65, exceeds the number of withdrawals.

    Attributes:
        window_minutes: How far it looks back from the time of the decision.
        max_count: The most purchases in the window, this one counted.
        scope: Which purchases count together.
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
        """Count them with this one; verifications count, since a burst of them tests cards.

        What raises a purchase is not one more.
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
            f"It is purchase {observed} {of_scope(self.scope, case.purchase.merchant)} "
            f"within {time_span(self.window_minutes)}; {self.max_count} are allowed.",
            observed=observed,
            limit=self.max_count,
        )
