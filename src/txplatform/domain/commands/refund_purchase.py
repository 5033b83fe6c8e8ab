"""Give money back: the merchant's refund, with or without naming its purchase."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Refund
from txplatform.domain.commands.checks import check_posting
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import Flag, PurchaseRefunded


def refund_purchase(
    refund: Refund, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Post a refund to an opened account.

    Raises:
        CommandRejectedError: Another currency than the account's, or a balance beyond the
            supported range.
    """
    check_posting(refund, account, -refund.amount)
    flags: tuple[Flag, ...] = ()
    if refund.transaction_id is not None:
        flags = prior.transaction(refund.transaction_id).refund_flags(refund.amount)
    event = account.record(
        PurchaseRefunded,
        context,
        refund=refund,
        flags=flags,
        balance=account.balance_after(posted=-refund.amount),
    )
    return Outcome(OutcomeStatus.APPLIED, event)
