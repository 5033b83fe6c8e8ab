"""Refuses purchases in listed merchant categories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import CategoryCodes, DenyList, is_every_category
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import listed


@dataclass(frozen=True, slots=True)
class CategoryDeny(ConfigurableRule):
    """Field 39 is 57, not permitted to this cardholder.

    Attributes:
        categories: Categories that may not be bought from: four digits (ISO 18245), or ranges.
    """

    RULE: ClassVar = "category_deny"
    CODE: ClassVar = ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant of one of them"
    EXAMPLE: ClassVar = {"categories": ["7800-7802", "7995"]}

    categories: Annotated[tuple[str, ...], DenyList(CategoryCodes)]

    @override
    def sentence(self) -> str:
        return f"No purchase in the merchant categories {listed(self.categories)} is allowed."

    @override
    def oddities(self) -> Iterator[str]:
        if is_every_category(self.categories):
            yield "refuses every purchase: it denies every category."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.category_code

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        """Refuse an account verification too: it would only lead to a purchase."""
        if observed not in self.categories:
            return None
        merchant = case.purchase.merchant
        return Reason.of(
            self.CODE,
            f"Merchant category {observed} is not allowed, so no purchase at {merchant.name}.",
            observed=observed,
        )
