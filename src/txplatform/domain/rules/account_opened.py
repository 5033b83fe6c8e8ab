"""Refuses a purchase on an account that has not been opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.domain.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from txplatform.domain.account import Account
    from txplatform.domain.purchase import Purchase


def account_opened(account: Account, purchase: Purchase) -> Reason | None:
    """Field 39 is 14, no such account."""
    if account.opened:
        return None
    return Reason(
        ReasonCode.ACCOUNT_NOT_FOUND,
        "14",
        f"Account {purchase.account_id} has not been opened.",
    )
