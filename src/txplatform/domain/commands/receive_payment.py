"""Apply a cardholder's payment, and the return that may have come before it."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Payment, PaymentReturn
from txplatform.domain.commands.checks import check_posting
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.commands.return_payment import undo_payment
from txplatform.domain.commands.waiting import reject_waiting
from txplatform.domain.events import PaymentReceived
from txplatform.domain.keys import payment_return_key


def receive_payment(payment: Payment, account: Account, context: DecisionContext) -> Outcome:
    """Apply a payment to an opened account, then its return if that waited for it.

    Raises:
        CommandRejectedError: Another currency than the account's, or a balance beyond the
            supported range.
    """
    check_posting(payment, account, -payment.amount)
    received = account.record(PaymentReceived, context, payment=payment)
    returned = account.waiting.get(payment_return_key(payment.payment_id))
    if isinstance(returned, PaymentReturn):
        try:
            undo_payment(received, returned, account, context)
        except CommandRejectedError as error:
            reject_waiting(returned, error, account, context)
    return Outcome(OutcomeStatus.APPLIED, received)
