"""The rule that declines purchases of cash and cash equivalents above a maximum amount."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import override

from txplatform.domain.currencies import format_money
from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.codes import CategoryCodes, DenyList
from txplatform.domain.rules.parameters import Currency, PurchaseAmountOrNothing
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.sentences import limit_of

CASH_LIKE = ("4829", "6010", "6011", "6012", "6050", "6051", "6540")
"""Money transfer, cash at counters, cash machines, financial institutions, quasi cash from banks,
quasi cash from others (money orders, cryptocurrencies), stored value.
"""


@dataclass(frozen=True, slots=True)
class CashLike(ConfigurableRule):
    """Declines cash-like purchases above a maximum amount.

    Response code 61 (exceeds the amount limit), ISO 8583:1987 field 39.

    A purchase in an unknown category is not cash-like.

    Attributes:
        max_amount: The largest allowed amount, in minor units of the account's currency; 0 allows
            account verifications only.
        categories: Merchant categories that count as cash: codes (ISO 18245) or ranges of codes.
        currency: Limits the rule to accounts in this currency; None for all accounts.
    """

    RULE: ClassVar = "cash_like"
    CODE: ClassVar = ReasonCode.AMOUNT_LIMIT_EXCEEDED
    REFUSES: ClassVar = "a larger purchase of cash or cash equivalents"
    EXAMPLE: ClassVar = {"max_amount": 30_000}

    max_amount: PurchaseAmountOrNothing
    categories: Annotated[
        tuple[str, ...], DenyList(CategoryCodes, "so nothing would count as cash")
    ] = CASH_LIKE
    currency: Currency = None

    @override
    def sentence(self) -> str:
        return (
            f"No cash-like purchase (merchant categories {', '.join(self.categories)}) "
            f"may be above {limit_of(self.max_amount, self.currency)}."
        )

    @override
    def observe(self, case: Case, /) -> int | None:
        """Return the purchase's total in minor units; None if the rule does not apply."""
        purchase = case.purchase
        category = purchase.merchant.category_code
        if category is None or category not in self.categories:
            return None
        if self.currency is not None and purchase.currency != self.currency:
            return None
        return case.total or None

    @override
    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        if observed <= self.max_amount:
            return None
        purchase = case.purchase
        return Reason.of(
            self.CODE,
            f"The purchase of {format_money(observed, purchase.currency)} in merchant category "
            f"{purchase.merchant.category_code} is above the limit of "
            f"{format_money(self.max_amount, purchase.currency)} for cash.",
            observed=observed,
            limit=self.max_amount,
        )
