"""Give money back: the merchant's refund, with or without naming its purchase."""

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
from txplatform.domain.events import PurchaseRefunded, RefundWaiting, refund_key
from txplatform.domain.ids import AccountId
from txplatform.domain.transaction_flags import Flag
from txplatform.domain.values import Refund, says_the_same


@dataclass(frozen=True, slots=True)
class RefundPurchase:
    """Post this refund, once for ever."""

    refund: Refund

    @property
    def account_id(self) -> AccountId:
        return self.refund.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        key = refund_key(self.refund.refund_id)
        return (key, f"waiting:{key}")

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Post it, or let it wait for the account.

        Raises:
            CommandRejectedError: Another currency than the account's, the same id with other
                contents, or a balance beyond what can be held.
        """
        what = f"Refund {self.refund.refund_id}"
        key = refund_key(self.refund.refund_id)
        if (first := prior.get(key)) is not None:
            if isinstance(first, PurchaseRefunded) and says_the_same(first.refund, self.refund):
                return Outcome(OutcomeStatus.DUPLICATE, first)
            raise conflicting_copy(what)
        if (waiting := account.waiting.get(key)) is not None:
            if not (isinstance(waiting, Refund) and says_the_same(waiting, self.refund)):
                raise conflicting_copy(what)
            if (first := prior.get(f"waiting:{key}")) is not None:
                return Outcome(OutcomeStatus.DUPLICATE, first)
            # It was not looked up: recorded once more it clashes, and then it is.
        if not account.opened:
            return Outcome(
                OutcomeStatus.WAITING, account.record(RefundWaiting, context, refund=self.refund)
            )
        return apply_refund(account, self.refund, prior, context)


def apply_refund(
    account: Account, refund: Refund, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Post a refund to an opened account.

    Raises:
        CommandRejectedError: Another currency than the account's, or a balance beyond what can
            be held.
    """
    what = f"Refund {refund.refund_id}"
    if refund.currency != account.currency:
        raise wrong_currency(what, refund.currency, account.currency)
    check_balance(account.posted - refund.amount, what)
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
