"""End a hold that nothing cleared in time."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
)
from txplatform.domain.events import HoldExpired
from txplatform.domain.requests import HoldExpiry


def expire_hold(expiry: HoldExpiry, account: Account, context: DecisionContext) -> Outcome:
    """Release a hold whose time has come.

    Raises:
        CommandRejectedError: There is no hold any more, or its time has not come.
    """
    hold = account.holds.get(expiry.transaction_id)
    if hold is None:
        raise CommandRejectedError(
            RefusalReason.NO_OPEN_HOLD,
            f"Transaction {expiry.transaction_id} holds nothing.",
            "No action needed: it was cleared, reversed or expired before.",
        )
    held, expires_at = hold
    if expires_at is None or context.now < expires_at:
        raise CommandRejectedError(
            RefusalReason.HOLD_NOT_DUE,
            f"The hold of transaction {expiry.transaction_id} stands until {expires_at}.",
            "Try again then.",
        )
    event = account.record(
        HoldExpired,
        context,
        transaction=expiry.transaction_id,
        released=held,
        balance=account.balance_after(pending=-held),
    )
    return Outcome(OutcomeStatus.APPLIED, event)
