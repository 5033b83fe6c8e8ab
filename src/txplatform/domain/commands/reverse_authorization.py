"""Release a hold, or a part of it: the merchant gave the purchase up."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Reversal
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import AuthorizationReversed, TransactionStarted


def reverse_authorization(
    reversal: Reversal, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Apply a reversal, also before its authorization and without one."""
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
        balance=account.balance_after(pending=-released) if account.opened else None,
    )
    return Outcome(OutcomeStatus.APPLIED, event)
