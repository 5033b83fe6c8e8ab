"""Release a hold after a reversal by the merchant, or when the hold expires."""

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Reversal
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import AuthorizationReversed, HoldExpired, TransactionStarted
from txplatform.domain.requests import HoldExpiry


def reverse_authorization(
    reversal: Reversal, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Record a reversal, and release the reversed part of the hold.

    If the reversal arrives before its purchase, there is no hold to release yet.

    Raises:
        TransactionNotReadError: There is no open hold, and the transaction's events were not read.
    """
    released = 0
    if held := account.held(reversal.transaction_id):
        released = held if reversal.amount is None else min(held, reversal.amount)
    elif not prior.transaction(reversal.transaction_id).claimed:
        account.record(TransactionStarted, context, transaction=reversal.transaction_id)
    event = account.record(
        AuthorizationReversed,
        context,
        reversal=reversal,
        released=released,
        flags=reversal.flags,
        balance=account.balance_after(pending=-released) if account.opened else None,
    )
    return Outcome(OutcomeStatus.APPLIED, event)


def expire_hold(expiry: HoldExpiry, account: Account, context: DecisionContext) -> Outcome:
    """Release a hold that has reached its expiry time.

    Raises:
        CommandRejectedError: There is no open hold, or the expiry time is still to come.
    """
    hold = account.holds.get(expiry.transaction_id)
    if hold is None:
        raise CommandRejectedError(
            RefusalReason.NO_OPEN_HOLD,
            f"Transaction {expiry.transaction_id} has no open hold.",
            "No action needed: the hold was already cleared, reversed or expired.",
        )
    held, expires_at = hold
    if expires_at is None or context.now < expires_at:
        raise CommandRejectedError(
            RefusalReason.HOLD_NOT_DUE,
            f"The hold of transaction {expiry.transaction_id} "
            + ("never expires." if expires_at is None else f"expires at {expires_at}."),
            "Nothing was released.",
        )
    event = account.record(
        HoldExpired,
        context,
        transaction=expiry.transaction_id,
        released=held,
        balance=account.balance_after(pending=-held),
    )
    return Outcome(OutcomeStatus.APPLIED, event)
