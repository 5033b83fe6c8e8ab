"""Post clearings and refunds.

These advices are never declined for lack of credit. Flags mark unusual circumstances.
"""

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Clearing, Refund
from txplatform.domain.commands.checks import check_posting
from txplatform.domain.commands.corrections import apply_waiting_corrections
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import PurchaseCleared, PurchaseRefunded, TransactionStarted
from txplatform.domain.flags import Flag
from txplatform.domain.transaction import Transaction


def clear_purchase(
    clearing: Clearing, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Post a clearing to an opened account, and release the cleared part of the hold.

    Raises:
        CommandRejectedError: See `check_posting`.
        TransactionNotReadError: There is no open hold, and the transaction's events were not read.
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
        flags=flags + clearing.flags,
        balance=account.balance_after(posted=clearing.amount, pending=-released),
    )
    apply_waiting_corrections(event, Transaction(), account, context)
    return Outcome(OutcomeStatus.APPLIED, event)


def refund_purchase(
    refund: Refund, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Post a refund to an opened account.

    Raises:
        CommandRejectedError: See `check_posting`.
        TransactionNotReadError: The transaction's events were not read.
    """
    check_posting(refund, account, -refund.amount)
    flags: tuple[Flag, ...] = ()
    if refund.transaction_id is not None:
        flags = prior.transaction(refund.transaction_id).refund_flags(refund.amount)
    event = account.record(
        PurchaseRefunded,
        context,
        refund=refund,
        flags=flags + refund.flags,
        balance=account.balance_after(posted=-refund.amount),
    )
    apply_waiting_corrections(event, Transaction(), account, context)
    return Outcome(OutcomeStatus.APPLIED, event)
