"""Post what the network clears; it is the network's advice and is never refused for its amount."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Clearing
from txplatform.domain.commands.checks import check_posting
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import Flag, PurchaseCleared, TransactionStarted
from txplatform.domain.transaction import Transaction


def clear_purchase(
    clearing: Clearing, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Post a clearing to an opened account.

    Raises:
        CommandRejectedError: Another currency than the account's, or a balance beyond the
            supported range.
    """
    check_posting(clearing, account, clearing.amount)
    if clearing.transaction_id is None:
        released, flags = 0, Transaction().clearing_flags(clearing.amount)
    elif held := account.held(clearing.transaction_id):
        released = held if clearing.final else min(held, clearing.amount)
        flags = (Flag.OVER_HOLD,) if clearing.amount > held else ()
    else:
        transaction = prior.transaction(clearing.transaction_id)
        released, flags = 0, transaction.clearing_flags(clearing.amount)
        if not transaction.claimed:
            account.record(TransactionStarted, context, transaction=clearing.transaction_id)
    event = account.record(
        PurchaseCleared,
        context,
        clearing=clearing,
        released=released,
        flags=flags,
        balance=account.balance_after(posted=clearing.amount, pending=-released),
    )
    return Outcome(OutcomeStatus.APPLIED, event)
