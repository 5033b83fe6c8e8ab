"""Refuses purchases at listed merchants: those that turned out to be risky."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import check_not_empty, sorted_merchants
from txplatform.domain.rules.sentences import listed


@dataclass(frozen=True, slots=True)
class MerchantDeny:
    """Field 39 is 57, not permitted to this cardholder.

    Attributes:
        merchants: Ids of merchants that may not be bought from, as their acquirers give them.
    """

    RULE: ClassVar[str] = "merchant_deny"
    CODE: ClassVar[ReasonCode] = ReasonCode.MERCHANT_NOT_ALLOWED

    merchants: tuple[str, ...]
    ids: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_not_empty("merchants", self.merchants, "so it would refuse nothing")
        object.__setattr__(self, "merchants", sorted_merchants("merchants", self.merchants))
        object.__setattr__(self, "ids", frozenset(self.merchants))

    def sentence(self) -> str:
        """What it refuses, for people."""
        return f"No purchase at the merchants {listed(self.merchants)} is allowed."

    def observe(self, case: Case, /) -> str:
        """The merchant's id."""
        return case.purchase.merchant.id

    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        """An account verification is refused too: it would only lead to a purchase."""
        if observed not in self.ids:
            return None
        merchant = case.purchase.merchant
        return Reason.of(
            self.CODE,
            f"Purchases at {merchant.name} (merchant {observed}) are not allowed.",
            observed=observed,
        )
