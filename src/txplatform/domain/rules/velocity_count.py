"""Refuses one purchase more than were allowed within a window of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from txplatform.domain.activity import VelocityScope
from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import check_count, check_window
from txplatform.domain.rules.sentences import of_scope, time_span


@dataclass(frozen=True, slots=True)
class VelocityCount:
    """Field 39 is 65, exceeds the number of withdrawals.

    Attributes:
        window_minutes: How far it looks back from the time of the decision.
        max_count: The most purchases in the window, this one counted.
        scope: Which purchases count together.
    """

    RULE: ClassVar[str] = "velocity_count"
    CODE: ClassVar[ReasonCode] = ReasonCode.VELOCITY_COUNT_EXCEEDED

    window_minutes: int
    max_count: int
    scope: VelocityScope = VelocityScope.ACCOUNT

    def __post_init__(self) -> None:
        check_window("window_minutes", self.window_minutes)
        check_count("max_count", self.max_count)

    def sentence(self) -> str:
        """What it refuses, for people."""
        return (
            f"At most {self.max_count} purchases {of_scope(self.scope)} "
            f"within {time_span(self.window_minutes)}."
        )

    def observe(self, case: Case, /) -> int | None:
        """How many with this one; verifications count, since a burst of them tests cards.

        What raises a purchase is none more.
        """
        if case.raised_from:
            return None
        return 1 + case.account.activity.count(
            case.minute - self.window_minutes, self.scope, case.purchase.merchant
        )

    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        """The limit itself is allowed."""
        if observed <= self.max_count:
            return None
        return Reason.of(
            self.CODE,
            f"It is purchase {observed} {of_scope(self.scope, case.purchase.merchant)} "
            f"within {time_span(self.window_minutes)}; {self.max_count} are allowed.",
            observed=observed,
            limit=self.max_count,
        )
