"""Apply payments by the cardholder, and returns of payments by the bank."""

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Payment, PaymentReturn
from txplatform.domain.commands.checks import check_posting
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.commands.waiting import let_wait, reject_waiting
from txplatform.domain.currencies import format_money
from txplatform.domain.events import PaymentReceived, PaymentReturned
from txplatform.domain.keys import payment_key, payment_return_key


def receive_payment(payment: Payment, account: Account, context: DecisionContext) -> Outcome:
    """Apply a payment to an opened account, and the payment's return if the return was waiting.

    Raises:
        CommandRejectedError: See `check_posting`.
    """
    check_posting(payment, account, -payment.amount)
    received = account.record(
        PaymentReceived,
        context,
        payment=payment,
        balance=account.balance_after(posted=-payment.amount),
        flags=payment.flags,
    )
    returned = account.waiting.get(payment_return_key(payment.payment_id))
    if isinstance(returned, PaymentReturn):
        try:
            _return_received(received, returned, account, context)
        except CommandRejectedError as error:
            reject_waiting(returned, error, account, context)
    return Outcome(OutcomeStatus.APPLIED, received)


def return_payment(
    payment_return: PaymentReturn, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Apply a payment return, or let the return wait for its payment.

    Raises:
        CommandRejectedError: The amount or currency does not match the payment, or the balance
            would exceed the supported range.
    """
    received = prior.get(payment_key(payment_return.payment_id))
    if isinstance(received, PaymentReceived):
        return _return_received(received, payment_return, account, context)
    return let_wait(payment_return, account, context)


def _return_received(
    received: PaymentReceived,
    payment_return: PaymentReturn,
    account: Account,
    context: DecisionContext,
) -> Outcome:
    payment = received.payment
    if (payment_return.amount, payment_return.currency) != (payment.amount, payment.currency):
        raise CommandRejectedError(
            RefusalReason.RETURN_DIFFERS_FROM_PAYMENT,
            f"The payment was {format_money(payment.amount, payment.currency)}, "
            f"but its return is {format_money(payment_return.amount, payment_return.currency)}.",
            "Send the return with the amount and currency of the payment.",
            ("amount", "currency"),
        )
    check_posting(payment_return, account, payment_return.amount)
    event = account.record(
        PaymentReturned,
        context,
        payment_return=payment_return,
        balance=account.balance_after(posted=payment_return.amount),
        flags=payment_return.flags,
    )
    return Outcome(OutcomeStatus.APPLIED, event)
