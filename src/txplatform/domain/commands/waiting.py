"""Let a message wait for its prerequisite, or reject a waiting message."""

from typing import assert_never

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import (
    Clearing,
    Correction,
    LimitChange,
    Payment,
    PaymentReturn,
    Refund,
    WaitingMessage,
)
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.events import (
    ClearingWaiting,
    CorrectionWaiting,
    CreditLimitChangeWaiting,
    PaymentReturnWaiting,
    PaymentWaiting,
    RefundWaiting,
    WaitingEvent,
    WaitingMessageRejected,
)


def let_wait(message: WaitingMessage, account: Account, context: DecisionContext) -> Outcome:
    """Record that a message waits for the opening or, if it is a return, for its payment."""
    event: WaitingEvent
    match message:
        case LimitChange():
            event = account.record(CreditLimitChangeWaiting, context, change=message)
        case Payment():
            event = account.record(PaymentWaiting, context, payment=message)
        case PaymentReturn():
            event = account.record(PaymentReturnWaiting, context, payment_return=message)
        case Clearing():
            event = account.record(ClearingWaiting, context, clearing=message)
        case Correction():
            event = account.record(CorrectionWaiting, context, correction=message)
        case Refund():
            event = account.record(RefundWaiting, context, refund=message)
        case _:
            assert_never(message)
    return Outcome(OutcomeStatus.WAITING, event)


def reject_waiting(
    message: WaitingMessage, error: CommandRejectedError, account: Account, context: DecisionContext
) -> None:
    """Record that a waiting message contradicts recorded events and is parked."""
    account.record(
        WaitingMessageRejected,
        context,
        business_key=message.key,
        reason=error.reason,
        detail=error.detail,
    )
