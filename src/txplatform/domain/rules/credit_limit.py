"""Refuses a purchase that does not fit the available credit (invariant I6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case


@dataclass(frozen=True, slots=True)
class CreditLimit:
    """Always on. Field 39 is 51, insufficient funds."""

    RULE: ClassVar[str] = "credit_limit"

    def observe(self, case: Case, /) -> int | None:
        """Measure the posted balance and all holds with this purchase.

        An amount of 0 verifies the account and reserves nothing, so it fits any balance. An
        amount in a foreign currency cannot be compared and is left to `SameCurrency`.
        """
        spent = case.spent
        if not spent:
            return None
        account = case.account
        return account.posted + account.pending + spent - case.already_posted

    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        """Refuse a purchase that exceeds the credit limit."""
        account = case.account
        if observed <= account.credit_limit:
            return None
        available = account.available + case.already_posted
        what = "raise by" if case.raised_from else "purchase of"
        return Reason.of(
            ReasonCode.INSUFFICIENT_CREDIT,
            f"The {what} {case.spent} exceeds the available credit of {available}.",
            observed=observed,
            limit=account.credit_limit,
        )
