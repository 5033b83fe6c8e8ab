"""The rule that declines purchases at listed merchants."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import DenyList, MerchantIds
from txplatform.domain.rules.rule import ConfigurableRule


@dataclass(frozen=True, slots=True)
class MerchantDeny(ConfigurableRule):
    """Declines purchases at the listed merchants.

    Response code 57 (not permitted to cardholder), ISO 8583:1987 field 39.

    Attributes:
        merchants: The ids of the denied merchants, assigned by acquirers.
    """

    RULE: ClassVar = "merchant_deny"
    CODE: ClassVar = ReasonCode.MERCHANT_NOT_ALLOWED
    REFUSES: ClassVar = "a merchant with one of these ids"
    EXAMPLE: ClassVar = {"merchants": ["m-666"]}

    merchants: Annotated[tuple[str, ...], DenyList(MerchantIds)]

    @override
    def sentence(self) -> str:
        return f"No purchase at the merchants {', '.join(self.merchants)} is allowed."

    @override
    def observe(self, case: Case, /) -> str:
        return case.purchase.merchant.id

    @override
    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        # Account verifications are declined too, because they would lead to a purchase.
        if observed not in self.merchants:
            return None
        merchant = case.purchase.merchant
        return Reason.of(
            self.CODE,
            f"Purchases at {merchant.name} (merchant {observed}) are not allowed.",
            observed=observed,
        )
