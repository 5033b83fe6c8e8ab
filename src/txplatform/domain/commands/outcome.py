"""The outcome of a command, its rejection, and the detection of copies."""

from dataclasses import dataclass
from enum import StrEnum

from txplatform.domain.account import Account
from txplatform.domain.account_command import AccountCommand
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import Event
from txplatform.domain.keys import waiting_key
from txplatform.errors import TxPlatformError


class OutcomeStatus(StrEnum):
    """The effect of a command."""

    APPLIED = "applied"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The status of a command, and the event that records its decision.

    Attributes:
        event: The event that the command caused; for a duplicate, that of the first copy.
    """

    status: OutcomeStatus
    event: Event


class RefusalReason(StrEnum):
    """The reasons to refuse a command; codes are stable."""

    CONFLICTING_COPY = "conflicting_copy"
    TRANSACTION_ID_REUSED = "transaction_id_reused"
    CURRENCY_MISMATCH = "currency_mismatch"
    BALANCE_OUT_OF_RANGE = "balance_out_of_range"
    ACCOUNT_CLOSED = "account_closed"
    RETURN_DIFFERS_FROM_PAYMENT = "return_differs_from_payment"
    NO_OPEN_HOLD = "no_open_hold"
    HOLD_NOT_DUE = "hold_not_due"


class CommandRejectedError(TxPlatformError):
    """The command contradicts recorded events. It changes nothing, now or later."""

    def __init__(self, reason: RefusalReason, detail: str, next_step: str) -> None:
        super().__init__(detail, next_step=next_step)
        self.reason = reason
        self.detail = detail


def earlier_copy(command: AccountCommand, account: Account, prior: PriorEvents) -> Outcome | None:
    """Return the outcome of an earlier copy of a command; None if there is none.

    Raises:
        CommandRejectedError: The earlier command with the same key has other contents.
    """
    first = prior.get(command.key)
    if first is not None and first.command is not None:
        if command.is_copy_of(first.command):
            return Outcome(OutcomeStatus.DUPLICATE, first)
        raise _conflicting_copy(command)
    waiting = account.waiting.get(command.key)
    if waiting is not None:
        if not command.is_copy_of(waiting):
            raise _conflicting_copy(command)
        if (first := prior.get(waiting_key(command.key))) is not None:
            return Outcome(OutcomeStatus.DUPLICATE, first)
        # Not loaded yet. Recording it again conflicts on append; the retry then loads it.
    return None


def _conflicting_copy(command: AccountCommand) -> CommandRejectedError:
    return CommandRejectedError(
        RefusalReason.CONFLICTING_COPY,
        f"{command.label} was received before with other contents; the first copy stands.",
        "Resend the original unchanged. Use a new id only for a new item; the same item under two "
        "ids is counted twice.",
    )
