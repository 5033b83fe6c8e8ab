"""Rules that allow or deny merchant categories."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import AllowList, CategoryCodes, DenyList, is_every_category
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.unknown import UNKNOWN, RefuseUnknown


@dataclass(frozen=True, slots=True)
class CategoryAllow(ConfigurableRule):
    """Declines purchases in merchant categories that are unknown or not on the list.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        categories: The allowed merchant categories: codes (ISO 18245) or ranges of codes.
    """

    RULE: ClassVar = "category_allow"
    CODE: ClassVar = ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in any other category, or in an unknown one"
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
            yield "refuses only unknown categories: it allows every other category."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.category_code or UNKNOWN

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        return None if observed in self.categories else _not_allowed(case, observed)


@dataclass(frozen=True, slots=True)
class CategoryDeny(ConfigurableRule):
    """Declines purchases in the listed merchant categories.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        categories: The denied merchant categories: codes (ISO 18245) or ranges of codes.
        refuse_unknown: True to decline purchases in an unknown category too.
    """

    RULE: ClassVar = "category_deny"
    CODE: ClassVar = ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant in one of these categories"
    EXAMPLE: ClassVar = {"categories": ["7800-7802", "7995"]}

    categories: Annotated[tuple[str, ...], DenyList(CategoryCodes)]
    refuse_unknown: RefuseUnknown = False

    @override
    def sentence(self) -> str:
        unknown = " or in an unknown category" if self.refuse_unknown else ""
        return (
            f"No purchase in the merchant categories {', '.join(self.categories)}{unknown} "
            "is allowed."
        )

    @override
    def oddities(self) -> Iterator[str]:
        if is_every_category(self.categories):
            known = "" if self.refuse_unknown else " whose category is known"
            yield f"refuses every purchase{known}: it denies every category."

    @override
    def observe(self, case: Case, /) -> str | None:
        """Return the category; None if it is unknown and the rule does not refuse that."""
        category = case.purchase.merchant.category_code
        return UNKNOWN if category is None and self.refuse_unknown else category

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        if observed in self.categories or case.purchase.merchant.category_code is None:
            return _not_allowed(case, observed)
        return None


def _not_allowed(case: Case, observed: str) -> Reason:
    # Account verifications are declined too, because they would lead to a purchase.
    merchant = case.purchase.merchant
    code = merchant.category_code
    category = "an unknown merchant category" if code is None else f"merchant category {code}"
    return Reason.of(
        ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED,
        f"Purchases in {category}, such as at {merchant.name}, are not allowed.",
        observed=observed,
    )
