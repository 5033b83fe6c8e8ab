"""Refuses a purchase that does not fit the available credit (invariant I6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.domain.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from txplatform.domain.account import Account
    from txplatform.domain.purchase import Purchase


def credit_limit(account: Account, purchase: Purchase) -> Reason | None:
    """Field 39 is 51, insufficient funds.

    An amount of 0 verifies the account and reserves nothing, so it fits any balance. An
    amount in a foreign currency cannot be compared and is left to `same_currency`.
    """
    if not account.opened or purchase.currency != account.currency or purchase.amount == 0:
        return None
    owed_after = account.posted + account.pending + purchase.amount
    if owed_after <= account.credit_limit:
        return None
    return Reason(
        ReasonCode.INSUFFICIENT_CREDIT,
        "51",
        f"The purchase of {purchase.amount} exceeds the available credit of {account.available}.",
        observed=owed_after,
        limit=account.credit_limit,
    )
