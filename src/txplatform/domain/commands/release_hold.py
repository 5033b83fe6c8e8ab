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
from txplatform.domain.flags import Flag
from txplatform.domain.requests import HoldExpiry


def reverse_authorization(
    reversal: Reversal, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Record a reversal, and release the reversed part of the hold.

    If the reversal arrives before its purchase, there is no hold to release yet.

    Raises:
        TransactionNotReadError: The hold is smaller than the reversed amount, and the transaction's
            events were not read.
    """
    held = account.held(reversal.transaction_id)
    flags: tuple[Flag, ...] = ()
    released = held if reversal.amount is None else min(held, reversal.amount)
    if not held or (reversal.amount is not None and reversal.amount > held):
        transaction = prior.transaction(reversal.transaction_id)
        flags = transaction.reversal_flags(reversal.amount)
        if not transaction.claimed:
            account.record(TransactionStarted, context, transaction=reversal.transaction_id)
    event = account.record(
        AuthorizationReversed,
        context,
        reversal=reversal,
        released=released,
        flags=flags + reversal.flags,
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
