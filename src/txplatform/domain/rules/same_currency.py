"""Refuses a purchase in another currency than the account's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case


@dataclass(frozen=True, slots=True)
class SameCurrency:
    """Always on. Field 39 is 12, invalid transaction: one account has one currency."""

    RULE: ClassVar[str] = "currency"

    def observe(self, case: Case, /) -> str | None:
        """Measure the currency of the purchase if the account is opened."""
        return case.purchase.currency if case.account.opened else None

    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        """Refuse another currency than the account's."""
        currency = case.account.currency
        if observed == currency:
            return None
        return Reason.of(
            ReasonCode.CURRENCY_MISMATCH,
            f"The account is held in {currency}, the purchase is in {observed}.",
            observed=observed,
            limit=currency,
        )
