"""Take a clearing or a refund back that the network presented and withdrew."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Correction
from txplatform.domain.commands.checks import check_posting
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import ClearingCorrected, Flag, PurchaseCleared, PurchaseRefunded


def correct_clearing(
    correction: Correction, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Post a correction to an opened account; a hold that the clearing released stays released.

    Raises:
        CommandRejectedError: Another currency than the account's, or a balance beyond the
            supported range.
    """
    check_posting(correction, account, correction.posted_change)
    known = any(
        isinstance(prior.get(key), PurchaseCleared | PurchaseRefunded | ClearingCorrected)
        for key in correction.reversed_keys
    )
    event = account.record(
        ClearingCorrected,
        context,
        correction=correction,
        flags=() if known else (Flag.NO_CLEARING,),
        balance=account.balance_after(posted=correction.posted_change),
    )
    return Outcome(OutcomeStatus.APPLIED, event)
