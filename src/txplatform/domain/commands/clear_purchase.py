"""Post what the network clears; it is the network's fact and is never refused for its amount."""

from __future__ import annotations

from dataclasses import dataclass

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
    conflicting_copy,
    wrong_currency,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import (
    ClearingWaiting,
    PurchaseCleared,
    TransactionStarted,
    clearing_key,
)
from txplatform.domain.ids import AccountId
from txplatform.domain.money import MAX_BALANCE
from txplatform.domain.transaction import Transaction
from txplatform.domain.transaction_flags import Flag
from txplatform.domain.values import Clearing, says_the_same


@dataclass(frozen=True, slots=True)
class ClearPurchase:
    """Post this clearing, once for ever."""

    clearing: Clearing

    @property
    def account_id(self) -> AccountId:
        return self.clearing.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        key = clearing_key(self.clearing.clearing_id)
        return (key, f"waiting:{key}")

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Post it, or let it wait for the account.

        Raises:
            CommandRejectedError: Another currency than the account's, the same id with other
                contents, or a balance beyond what can be held.
        """
        what = f"Clearing {self.clearing.clearing_id}"
        key = clearing_key(self.clearing.clearing_id)
        if (first := prior.get(key)) is not None:
            if isinstance(first, PurchaseCleared) and says_the_same(first.clearing, self.clearing):
                return Outcome(OutcomeStatus.DUPLICATE, first)
            raise conflicting_copy(what)
        if (waiting := account.waiting.get(key)) is not None:
            if not (isinstance(waiting, Clearing) and says_the_same(waiting, self.clearing)):
                raise conflicting_copy(what)
            if (first := prior.get(f"waiting:{key}")) is not None:
                return Outcome(OutcomeStatus.DUPLICATE, first)
            # It was not looked up: recorded once more it clashes, and then it is.
        if not account.opened:
            event = account.record(ClearingWaiting, context, clearing=self.clearing)
            return Outcome(OutcomeStatus.WAITING, event)
        return apply_clearing(account, self.clearing, prior, context)


def apply_clearing(
    account: Account, clearing: Clearing, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Post a clearing to an opened account.

    Raises:
        CommandRejectedError: Another currency than the account's, or a balance beyond what can
            be held.
    """
    what = f"Clearing {clearing.clearing_id}"
    if clearing.currency != account.currency:
        raise wrong_currency(what, clearing.currency, account.currency)
    check_balance(account.posted + clearing.amount, what)
    released, flags = 0, _of_no_transaction(clearing.amount)
    if clearing.transaction_id is not None:
        if held := account.held(clearing.transaction_id):
            released = held if clearing.final else min(held, clearing.amount)
            flags = (Flag.OVER_HOLD,) if clearing.amount > held else ()
        else:
            transaction = prior.transaction(clearing.transaction_id)
            flags = transaction.clearing_flags(clearing.amount)
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


def check_balance(posted: int, what: str) -> None:
    """See that a posted balance can be held.

    Raises:
        CommandRejectedError: It cannot.
    """
    if abs(posted) > MAX_BALANCE:
        raise CommandRejectedError(
            RefusalReason.BALANCE_OUT_OF_RANGE,
            f"{what} would take the balance to {posted}, beyond {MAX_BALANCE}.",
            "Check the amount.",
        )


def _of_no_transaction(amount: int) -> tuple[Flag, ...]:
    return Transaction().clearing_flags(amount)
