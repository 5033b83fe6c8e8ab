"""Refuses purchases outside a list of merchant categories."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.categories import category_bounds, sorted_categories
from txplatform.domain.rules.parameters import check_not_empty
from txplatform.domain.rules.sentences import listed


@dataclass(frozen=True, slots=True)
class CategoryAllow:
    """Field 39 is 57, not permitted to this cardholder.

    Attributes:
        categories: The only categories that may be bought from: four digits (ISO 18245), or ranges.
    """

    RULE: ClassVar[str] = "category_allow"
    CODE: ClassVar[ReasonCode] = ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED

    categories: tuple[str, ...]
    bounds: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_not_empty("categories", self.categories, "so it would refuse every purchase")
        object.__setattr__(self, "categories", sorted_categories("categories", self.categories))
        object.__setattr__(self, "bounds", category_bounds(self.categories))

    def sentence(self) -> str:
        """What it refuses, for people."""
        return f"Only purchases in the merchant categories {listed(self.categories)} are allowed."

    def observe(self, case: Case, /) -> str:
        """The merchant's category."""
        return case.purchase.merchant.category_code

    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        """An account verification is refused too: it would only lead to a purchase."""
        if bisect_right(self.bounds, observed) % 2:
            return None
        merchant = case.purchase.merchant
        return Reason.of(
            self.CODE,
            f"Merchant category {observed} is not allowed, so no purchase at {merchant.name}.",
            observed=observed,
        )
