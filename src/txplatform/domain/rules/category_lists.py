"""Rules that allow or deny merchant categories."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import AllowList, CategoryCodes, DenyList, is_every_category
from txplatform.domain.rules.rule import ConfigurableRule


@dataclass(frozen=True, slots=True)
class CategoryAllow(ConfigurableRule):
    """Declines purchases in merchant categories that are not on the list.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        categories: The allowed merchant categories: codes (ISO 18245) or ranges of codes.
    """

    RULE: ClassVar = "category_allow"
    CODE: ClassVar = ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in any other category"
    EXAMPLE: ClassVar = {"categories": ["4000-4999", "5942"]}

    categories: Annotated[tuple[str, ...], AllowList(CategoryCodes)]

    @override
    def sentence(self) -> str:
        return (
            f"Only purchases in the merchant categories {', '.join(self.categories)} are allowed."
        )

    @override
    def oddities(self) -> Iterator[str]:
        if is_every_category(self.categories):
            yield "never refuses: it allows every category."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.category_code

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        return None if observed in self.categories else _not_allowed(case, observed)


@dataclass(frozen=True, slots=True)
class CategoryDeny(ConfigurableRule):
    """Declines purchases in the listed merchant categories.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        categories: The denied merchant categories: codes (ISO 18245) or ranges of codes.
    """

    RULE: ClassVar = "category_deny"
    CODE: ClassVar = ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in one of these categories"
    EXAMPLE: ClassVar = {"categories": ["7800-7802", "7995"]}

    categories: Annotated[tuple[str, ...], DenyList(CategoryCodes)]

    @override
    def sentence(self) -> str:
        return f"No purchase in the merchant categories {', '.join(self.categories)} is allowed."

    @override
    def oddities(self) -> Iterator[str]:
        if is_every_category(self.categories):
            yield "refuses every purchase: it denies every category."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.category_code

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        return _not_allowed(case, observed) if observed in self.categories else None


def _not_allowed(case: Case, observed: str) -> Reason:
    # Account verifications are declined too, because they would lead to a purchase.
    name = case.purchase.merchant.name
    return Reason.of(
        ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED,
        f"Purchases in merchant category {observed}, such as at {name}, are not allowed.",
        observed=observed,
    )
