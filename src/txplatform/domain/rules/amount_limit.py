"""Refuses a single purchase above an amount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import check_amount, check_currency
from txplatform.domain.rules.sentences import in_currency


@dataclass(frozen=True, slots=True)
class AmountLimit:
    """Field 39 is 61, exceeds the amount limit.

    Attributes:
        max_amount: The most that one purchase may be, minor units.
        currency: Only for accounts held in it; None for all, each in its own minor units.
    """

    RULE: ClassVar[str] = "amount_limit"
    CODE: ClassVar[ReasonCode] = ReasonCode.AMOUNT_LIMIT_EXCEEDED

    max_amount: int
    currency: str | None = None

    def __post_init__(self) -> None:
        check_amount("max_amount", self.max_amount)
        check_currency("currency", self.currency)

    def sentence(self) -> str:
        """What it refuses, for people."""
        return f"No purchase may be above {self.max_amount}{in_currency(self.currency)}."

    def observe(self, case: Case, /) -> int | None:
        """What the purchase comes to; an account verification has no amount."""
        if self.currency is not None and case.purchase.currency != self.currency:
            return None
        return case.total or None

    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        """The limit itself is allowed."""
        if observed <= self.max_amount:
            return None
        return Reason.of(
            self.CODE,
            f"The purchase of {observed} {case.purchase.currency} is above the limit "
            f"of {self.max_amount} for one purchase.",
            observed=observed,
            limit=self.max_amount,
        )
