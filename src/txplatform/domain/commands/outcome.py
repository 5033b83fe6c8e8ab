"""Outcomes of commands, rejections, and the detection of copies."""

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


@dataclass(slots=True)  # not frozen: created for every decision, and freezing triples the cost
class Outcome:
    """The result of deciding a command.

    Attributes:
        event: The event that records the decision; for a duplicate, the first command's event.
        differing_fields: For a duplicate, the describing fields that differ from the first command.
    """

    status: OutcomeStatus
    event: Event
    differing_fields: tuple[str, ...] = ()


class RefusalReason(StrEnum):
    """The reasons for rejecting a command. Their codes never change."""

    CONFLICTING_COPY = "conflicting_copy"
    TRANSACTION_ID_REUSED = "transaction_id_reused"
    CURRENCY_MISMATCH = "currency_mismatch"
    BALANCE_OUT_OF_RANGE = "balance_out_of_range"
    ACCOUNT_CLOSED = "account_closed"
    RETURN_DIFFERS_FROM_PAYMENT = "return_differs_from_payment"
    WRONG_DIRECTION = "wrong_direction"
    NO_OPEN_HOLD = "no_open_hold"
    HOLD_NOT_DUE = "hold_not_due"
    OTHER_ACCOUNT = "other_account"


class CommandRejectedError(TxPlatformError):
    """The command contradicts the account's state or an earlier command, and has no effect.

    Attributes:
        fields: The command's fields that are at fault, such as those that differ from an earlier
            command with the same id.
    """

    def __init__(
        self, reason: RefusalReason, detail: str, next_step: str, fields: tuple[str, ...] = ()
    ) -> None:
        super().__init__(detail, next_step=next_step)
        self.reason = reason
        self.detail = detail
        self.fields = fields


def earlier_copy(command: AccountCommand, account: Account, prior: PriorEvents) -> Outcome | None:
    """Return the outcome for a copy of an earlier command; None if the command is new.

    Raises:
        CommandRejectedError: An earlier command with the same key has different contents.
    """
    first = prior.get(command.key)
    if first is not None and first.command is not None:
        return Outcome(
            OutcomeStatus.DUPLICATE, first, describing_differences(command, first.command)
        )
    waiting = account.waiting.get(command.key)
    if waiting is not None:
        differing = describing_differences(command, waiting)
        if (first := prior.get(waiting_key(command.key))) is not None:
            return Outcome(OutcomeStatus.DUPLICATE, first, differing)
        # Not loaded yet. Recording it again conflicts on append; the retry then loads it.
    return None


def describing_differences(
    command: AccountCommand,
    earlier: AccountCommand,
    reason: RefusalReason = RefusalReason.CONFLICTING_COPY,
) -> tuple[str, ...]:
    """Return the describing fields in which a command differs from an earlier one with its key.

    Raises:
        CommandRejectedError: A compared field differs. `reason` is the error's reason.
    """
    compared, describing = command.differences(earlier)
    if compared:
        raise CommandRejectedError(
            reason,
            f"{command.LABEL} was already received with other values of {', '.join(compared)}; "
            "the first copy stands.",
            "Resend the original unchanged. Use a new id only for a new item; the same item under "
            "two ids is counted twice.",
            compared,
        )
    return describing
