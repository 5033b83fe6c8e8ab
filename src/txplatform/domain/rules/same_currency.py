"""Refuses a purchase in another currency than the account's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.domain.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from txplatform.domain.account import Account
    from txplatform.domain.purchase import Purchase


def same_currency(account: Account, purchase: Purchase) -> Reason | None:
    """Field 39 is 12, invalid transaction: one account has one currency."""
    if not account.opened or purchase.currency == account.currency:
        return None
    return Reason(
        ReasonCode.CURRENCY_MISMATCH,
        "12",
        f"The account is held in {account.currency}, the purchase is in {purchase.currency}.",
        observed=purchase.currency,
        limit=account.currency,
    )
