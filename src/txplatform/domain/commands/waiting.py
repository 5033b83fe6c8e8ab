"""Record that a message waits, or that a waiting message was rejected."""

from collections.abc import Callable

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import WaitingMessage
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.events import WaitingEvent, WaitingMessageRejected
from txplatform.domain.events.waiting import WAITING


def let_wait(message: WaitingMessage, account: Account, context: DecisionContext) -> Outcome:
    """Record that a message waits: for its account, its payment or its original."""
    kind = WAITING[type(message)]
    new_event: Callable[..., WaitingEvent] = kind
    event = account.record(new_event, context, flags=message.flags, **{kind.COMMAND: message})
    return Outcome(OutcomeStatus.WAITING, event)


def reject_waiting(
    message: WaitingMessage, error: CommandRejectedError, account: Account, context: DecisionContext
) -> None:
    """Record that a waiting message was rejected because of `error`."""
    account.record(
        WaitingMessageRejected,
        context,
        business_key=message.key,
        reason=error.reason,
        detail=error.detail,
        flags=message.flags,
    )
