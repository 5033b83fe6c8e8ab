"""Refuses cash, and what is as good as cash, above an amount."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.categories import category_bounds, sorted_categories
from txplatform.domain.rules.parameters import check_amount, check_currency, check_not_empty
from txplatform.domain.rules.sentences import in_currency, listed

CASH_LIKE = ("4829", "6010", "6011", "6012", "6050", "6051", "6540")
"""Money transfer, cash at a counter and a machine, financial institutions, quasi cash at banks
and elsewhere (money orders, crypto currencies), stored value.
"""


@dataclass(frozen=True, slots=True)
class CashLike:
    """Field 39 is 61, exceeds the amount limit.

    Attributes:
        max_amount: The most that one of them may be, minor units; 0 refuses all but account
            verifications.
        categories: The merchant categories that count as cash: four digits, or ranges.
        currency: Only for accounts held in it; None for all, each in its own minor units.
    """

    RULE: ClassVar[str] = "cash_like"
    CODE: ClassVar[ReasonCode] = ReasonCode.AMOUNT_LIMIT_EXCEEDED

    max_amount: int
    categories: tuple[str, ...] = CASH_LIKE
    currency: str | None = None
    bounds: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_amount("max_amount", self.max_amount, least=0)
        check_not_empty("categories", self.categories, "so nothing would count as cash")
        check_currency("currency", self.currency)
        object.__setattr__(self, "categories", sorted_categories("categories", self.categories))
        object.__setattr__(self, "bounds", category_bounds(self.categories))

    def sentence(self) -> str:
        """What it refuses, for people."""
        return (
            f"No cash-like purchase (merchant categories {listed(self.categories)}) "
            f"may be above {self.max_amount}{in_currency(self.currency)}."
        )

    def observe(self, case: Case, /) -> int | None:
        """What it comes to, where the merchant sells cash; a verification has no amount."""
        purchase = case.purchase
        if not bisect_right(self.bounds, purchase.merchant.category_code) % 2:
            return None
        if self.currency is not None and purchase.currency != self.currency:
            return None
        return case.total or None

    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        """The limit itself is allowed."""
        if observed <= self.max_amount:
            return None
        purchase = case.purchase
        return Reason.of(
            self.CODE,
            f"The purchase of {observed} {purchase.currency} in merchant category "
            f"{purchase.merchant.category_code} is above the limit of {self.max_amount} for cash.",
            observed=observed,
            limit=self.max_amount,
        )
