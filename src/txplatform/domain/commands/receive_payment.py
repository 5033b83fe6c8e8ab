"""Apply a cardholder's payment, and the return that may have come before it."""

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
from txplatform.domain.commands.return_payment import apply_payment_return
from txplatform.domain.events import (
    PaymentReceived,
    PaymentWaiting,
    WaitingMessageRejected,
    payment_key,
    payment_return_key,
)
from txplatform.domain.ids import AccountId
from txplatform.domain.money import MAX_BALANCE
from txplatform.domain.values import Payment, PaymentReturn


@dataclass(frozen=True, slots=True)
class ReceivePayment:
    """Apply this payment, once for ever."""

    payment: Payment

    @property
    def account_id(self) -> AccountId:
        return self.payment.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        key = payment_key(self.payment.payment_id)
        return (key, f"waiting:{key}")

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Apply it, or let it wait for the account.

        Raises:
            CommandRejectedError: Another currency than the account's, the same payment with
                other contents, or a balance beyond what can be held.
        """
        key = payment_key(self.payment.payment_id)
        if isinstance(first := prior.get(key), PaymentReceived):
            if first.payment == self.payment:
                return Outcome(OutcomeStatus.DUPLICATE, first)
            raise conflicting_copy(f"Payment {self.payment.payment_id}")
        if (waiting := account.waiting.get(key)) is not None:
            if waiting == self.payment:
                return Outcome(OutcomeStatus.DUPLICATE, prior[f"waiting:{key}"])
            raise conflicting_copy(f"Payment {self.payment.payment_id}")
        if not account.opened:
            event = account.record(PaymentWaiting, context, payment=self.payment)
            return Outcome(OutcomeStatus.WAITING, event)
        return apply_payment(account, self.payment, context)


def apply_payment(account: Account, payment: Payment, context: DecisionContext) -> Outcome:
    """Apply a payment to an opened account, then its return if that waited for it.

    Raises:
        CommandRejectedError: Another currency than the account's, or a balance beyond what
            can be held.
    """
    if payment.currency != account.currency:
        raise wrong_currency(f"Payment {payment.payment_id}", payment.currency, account.currency)
    if account.posted - payment.amount < -MAX_BALANCE:
        raise CommandRejectedError(
            RefusalReason.BALANCE_OUT_OF_RANGE,
            f"Payment {payment.payment_id} would take the balance below -{MAX_BALANCE}.",
            "Check the amount; refund the overpayment before you send more.",
        )
    received = account.record(PaymentReceived, context, payment=payment)
    returned = account.waiting.get(payment_return_key(payment.payment_id))
    if isinstance(returned, PaymentReturn):
        try:
            apply_payment_return(account, returned, received, context)
        except CommandRejectedError as error:
            account.record(
                WaitingMessageRejected,
                context,
                business_key=payment_return_key(payment.payment_id),
                reason=error.reason,
                detail=error.detail,
            )
    return Outcome(OutcomeStatus.APPLIED, received)
