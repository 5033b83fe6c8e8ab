"""Take a payment back that the bank returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    Status,
    conflicting_copy,
)
from txplatform.domain.events import (
    PaymentReceived,
    PaymentReturned,
    PaymentReturnWaiting,
    payment_key,
    payment_return_key,
)

if TYPE_CHECKING:
    from txplatform.domain.account import Account, Stamp
    from txplatform.domain.commands.stored import Stored
    from txplatform.domain.facts import PaymentReturn
    from txplatform.domain.ids import AccountId


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

    def decide(self, account: Account, stored: Stored, stamp: Stamp) -> Outcome:
        """Apply it, or let it wait for its payment.

        Raises:
            CommandRejectedError: Another amount or currency than the payment's, or the same
                return with other contents.
        """
        payment_id = self.payment_return.payment_id
        key = payment_return_key(payment_id)
        if isinstance(first := stored.get(key), PaymentReturned):
            if first.payment_return == self.payment_return:
                return Outcome(Status.DUPLICATE, first)
            raise conflicting_copy(f"The return of payment {payment_id}")
        if (waiting := account.waiting.get(key)) is not None:
            if waiting == self.payment_return:
                return Outcome(Status.DUPLICATE, stored[f"waiting:{key}"])
            raise conflicting_copy(f"The return of payment {payment_id}")
        match stored.get(payment_key(payment_id)):
            case PaymentReceived() as received:
                return apply_payment_return(account, self.payment_return, received, stamp)
        event = account.record(PaymentReturnWaiting, stamp, payment_return=self.payment_return)
        return Outcome(Status.WAITING, event)


def apply_payment_return(
    account: Account, payment_return: PaymentReturn, received: PaymentReceived, stamp: Stamp
) -> Outcome:
    """Apply a return whose payment has been received.

    Raises:
        CommandRejectedError: Another amount or currency than the payment's.
    """
    payment = received.payment
    if (payment_return.amount, payment_return.currency) != (payment.amount, payment.currency):
        raise CommandRejectedError(
            "return_differs_from_payment",
            f"Payment {payment.payment_id} was {payment.amount} {payment.currency}, "
            f"its return is {payment_return.amount} {payment_return.currency}.",
            "Send the return with the payment's own amount and currency.",
        )
    event = account.record(PaymentReturned, stamp, payment_return=payment_return)
    return Outcome(Status.APPLIED, event)
