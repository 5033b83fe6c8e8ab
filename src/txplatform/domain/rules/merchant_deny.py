"""The rule that declines purchases at listed merchants."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import DenyList, MerchantIds
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.unknown import UNKNOWN, RefuseUnknown


@dataclass(frozen=True, slots=True)
class MerchantDeny(ConfigurableRule):
    """Declines purchases at the listed merchants.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        merchants: The ids of the denied merchants, assigned by acquirers.
        refuse_unknown: True to decline purchases at a merchant whose id is unknown too.
    """

    RULE: ClassVar = "merchant_deny"
    CODE: ClassVar = ReasonCode.MERCHANT_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant with one of these ids"
    EXAMPLE: ClassVar = {"merchants": ["m-666"]}

    merchants: Annotated[tuple[str, ...], DenyList(MerchantIds)]
    refuse_unknown: RefuseUnknown = False

    @override
    def sentence(self) -> str:
        unknown = " or at one without an id" if self.refuse_unknown else ""
        return f"No purchase at the merchants {', '.join(self.merchants)}{unknown} is allowed."

    @override
    def observe(self, case: Case, /) -> str | None:
        """Return the merchant's id; None if it is unknown and the rule does not refuse that."""
        merchant_id = case.purchase.merchant.id
        return UNKNOWN if merchant_id is None and self.refuse_unknown else merchant_id

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        # Account verifications are declined too, because they would lead to a purchase.
        merchant = case.purchase.merchant
        if merchant.id is not None and observed not in self.merchants:
            return None
        which = "whose id is unknown" if merchant.id is None else f"merchant {observed}"
        return Reason.of(
            self.CODE,
            f"Purchases at {merchant.name} ({which}) are not allowed.",
            observed=observed,
        )
