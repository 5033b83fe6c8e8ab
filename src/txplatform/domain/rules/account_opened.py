"""Refuses a purchase on an account that has not been opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """Always on. Field 39 is 14, no such account."""

    RULE: ClassVar[str] = "account_opened"

    def observe(self, case: Case, /) -> str:
        """Measure whether the account is opened."""
        return "opened" if case.account.opened else "not_opened"

    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        """Refuse every purchase: without an account nobody pays it."""
        if observed == "opened":
            return None
        return Reason.of(
            ReasonCode.ACCOUNT_NOT_FOUND,
            f"Account {case.purchase.account_id} has not been opened.",
        )
