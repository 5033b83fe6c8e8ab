"""Take a clearing or a refund back that the network presented and withdrew."""

from __future__ import annotations

from dataclasses import dataclass

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.clear_purchase import check_balance
from txplatform.domain.commands.outcome import (
    Outcome,
    OutcomeStatus,
    conflicting_copy,
    wrong_currency,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import (
    ClearingCorrected,
    CorrectionWaiting,
    PurchaseCleared,
    PurchaseRefunded,
    clearing_key,
    refund_key,
)
from txplatform.domain.ids import AccountId
from txplatform.domain.transaction_flags import Flag
from txplatform.domain.values import Correction, Direction


@dataclass(frozen=True, slots=True)
class CorrectClearing:
    """Post this correction, once for ever.

    It takes nothing of a hold back: what a clearing released stays released.
    """

    correction: Correction

    @property
    def account_id(self) -> AccountId:
        return self.correction.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        key = clearing_key(self.correction.clearing_id)
        return (key, f"waiting:{key}", *_reversed_keys(self.correction))

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Post it, or let it wait for the account.

        Raises:
            CommandRejectedError: Another currency than the account's, the same id with other
                contents, or a balance beyond what can be held.
        """
        what = f"Correction {self.correction.clearing_id}"
        key = clearing_key(self.correction.clearing_id)
        if (first := prior.get(key)) is not None:
            if isinstance(first, ClearingCorrected) and first.correction == self.correction:
                return Outcome(OutcomeStatus.DUPLICATE, first)
            raise conflicting_copy(what)
        if (waiting := account.waiting.get(key)) is not None:
            if waiting == self.correction:
                return Outcome(OutcomeStatus.DUPLICATE, prior[f"waiting:{key}"])
            raise conflicting_copy(what)
        if not account.opened:
            event = account.record(CorrectionWaiting, context, correction=self.correction)
            return Outcome(OutcomeStatus.WAITING, event)
        return apply_correction(account, self.correction, prior, context)


def apply_correction(
    account: Account, correction: Correction, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Post a correction to an opened account.

    Raises:
        CommandRejectedError: Another currency than the account's, or a balance beyond what can
            be held.
    """
    what = f"Correction {correction.clearing_id}"
    if correction.currency != account.currency:
        raise wrong_currency(what, correction.currency, account.currency)
    owed = correction.direction is Direction.DEBIT
    change = correction.amount if owed else -correction.amount
    check_balance(account.posted + change, what)
    known = any(
        isinstance(prior.get(key), PurchaseCleared | PurchaseRefunded | ClearingCorrected)
        for key in _reversed_keys(correction)
    )
    event = account.record(
        ClearingCorrected,
        context,
        correction=correction,
        flags=() if known else (Flag.NO_CLEARING,),
        balance=account.balance_after(posted=change),
    )
    return Outcome(OutcomeStatus.APPLIED, event)


def _reversed_keys(correction: Correction) -> tuple[str, str]:
    """A credit of the network is a refund here, under its clearing id."""
    reversed_id = correction.reverses_clearing_id
    return clearing_key(reversed_id), refund_key(reversed_id)
