"""Take a payment back that the bank returned."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import PaymentReturn
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.commands.waiting import let_wait
from txplatform.domain.events import PaymentReceived, PaymentReturned
from txplatform.domain.keys import payment_key


def return_payment(
    payment_return: PaymentReturn, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Apply a return, or let it wait for its payment.

    Raises:
        CommandRejectedError: Another amount or currency than the payment's.
    """
    received = prior.get(payment_key(payment_return.payment_id))
    if isinstance(received, PaymentReceived):
        return undo_payment(received, payment_return, account, context)
    return let_wait(payment_return, account, context)


def undo_payment(
    received: PaymentReceived,
    payment_return: PaymentReturn,
    account: Account,
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
