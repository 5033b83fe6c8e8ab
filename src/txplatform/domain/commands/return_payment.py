"""Take a payment back that the bank returned."""

from __future__ import annotations

from dataclasses import dataclass

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
    conflicting_copy,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import (
    PaymentReceived,
    PaymentReturned,
    PaymentReturnWaiting,
    payment_key,
    payment_return_key,
)
from txplatform.domain.ids import AccountId
from txplatform.domain.values import PaymentReturn


@dataclass(frozen=True, slots=True)
class ReturnPayment:
    """Undo this payment, once for ever."""

    payment_return: PaymentReturn

    @property
    def account_id(self) -> AccountId:
        return self.payment_return.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        payment_id = self.payment_return.payment_id
        key = payment_return_key(payment_id)
        return (key, f"waiting:{key}", payment_key(payment_id))

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Apply it, or let it wait for its payment.

        Raises:
            CommandRejectedError: Another amount or currency than the payment's, or the same
                return with other contents.
        """
        payment_id = self.payment_return.payment_id
        key = payment_return_key(payment_id)
        if isinstance(first := prior.get(key), PaymentReturned):
            if first.payment_return == self.payment_return:
                return Outcome(OutcomeStatus.DUPLICATE, first)
            raise conflicting_copy(f"The return of payment {payment_id}")
        if (waiting := account.waiting.get(key)) is not None:
            if waiting == self.payment_return:
                return Outcome(OutcomeStatus.DUPLICATE, prior[f"waiting:{key}"])
            raise conflicting_copy(f"The return of payment {payment_id}")
        match prior.get(payment_key(payment_id)):
            case PaymentReceived() as received:
                return apply_payment_return(account, self.payment_return, received, context)
        event = account.record(PaymentReturnWaiting, context, payment_return=self.payment_return)
        return Outcome(OutcomeStatus.WAITING, event)


def apply_payment_return(
    account: Account,
    payment_return: PaymentReturn,
    received: PaymentReceived,
    context: DecisionContext,
) -> Outcome:
    """Apply a return whose payment has been received.

    Raises:
        CommandRejectedError: Another amount or currency than the payment's.
    """
    payment = received.payment
    if (payment_return.amount, payment_return.currency) != (payment.amount, payment.currency):
        raise CommandRejectedError(
            RefusalReason.RETURN_DIFFERS_FROM_PAYMENT,
            f"Payment {payment.payment_id} was {payment.amount} {payment.currency}, "
            f"its return is {payment_return.amount} {payment_return.currency}.",
            "Send the return with the payment's own amount and currency.",
        )
    event = account.record(PaymentReturned, context, payment_return=payment_return)
    return Outcome(OutcomeStatus.APPLIED, event)
