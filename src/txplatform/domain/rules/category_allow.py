"""Refuses purchases outside a list of merchant categories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import AllowList, CategoryCodes, is_every_category
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import listed


@dataclass(frozen=True, slots=True)
class CategoryAllow(ConfigurableRule):
    """Field 39 is 57, not permitted to this cardholder.

    Attributes:
        categories: The only categories that may be bought from: four digits (ISO 18245), or ranges.
    """

    RULE: ClassVar = "category_allow"
    CODE: ClassVar = ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant of any other category"
    EXAMPLE: ClassVar = {"categories": ["4000-4999", "5942"]}

    categories: Annotated[tuple[str, ...], AllowList(CategoryCodes)]

    @override
    def sentence(self) -> str:
        return f"Only purchases in the merchant categories {listed(self.categories)} are allowed."

    @override
    def oddities(self) -> Iterator[str]:
        if is_every_category(self.categories):
            yield "never refuses: it allows every category."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.category_code

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        """Refuse an account verification too: it would only lead to a purchase."""
        if observed in self.categories:
            return None
        merchant = case.purchase.merchant
        return Reason.of(
            self.CODE,
            f"Merchant category {observed} is not allowed, so no purchase at {merchant.name}.",
            observed=observed,
        )
