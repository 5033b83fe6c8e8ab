"""What a command came to, and the errors that mean: this can never be applied."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import AccountId
from txplatform.errors import TxPlatformError


class OutcomeStatus(StrEnum):
    """What became of a command."""

    APPLIED = "applied"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command, and the event that says so.

    Attributes:
        event: The event it caused, or for a duplicate the one that the first copy caused.
    """

    status: OutcomeStatus
    event: AccountEvent


class RefusalReason(StrEnum):
    """Why a command was refused: stable codes, for machines."""

    CONFLICTING_COPY = "conflicting_copy"
    TRANSACTION_ID_REUSED = "transaction_id_reused"
    CURRENCY_MISMATCH = "currency_mismatch"
    BALANCE_OUT_OF_RANGE = "balance_out_of_range"
    ACCOUNT_CLOSED = "account_closed"
    RETURN_DIFFERS_FROM_PAYMENT = "return_differs_from_payment"
    NO_OPEN_HOLD = "no_open_hold"
    HOLD_NOT_DUE = "hold_not_due"


class CommandRejectedError(TxPlatformError):
    """The command contradicts what is recorded; it changes nothing, now or later."""

    def __init__(self, reason: RefusalReason, detail: str, next_step: str) -> None:
        super().__init__(detail, next_step=next_step)
        self.reason = reason
        self.detail = detail


class Command(Protocol):
    """Something asked of one account."""

    @property
    def account_id(self) -> AccountId:
        """The account it is asked of."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Business keys whose prior events `decide` has to see."""

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Record on the account what follows from this command.

        Args:
            account: The account at its newest version.
            prior: The events that the account's stream holds under `keys`.
            context: The time and new identifiers.

        Raises:
            CommandRejectedError: It contradicts what is recorded.
        """


def conflicting_copy(what: str) -> CommandRejectedError:
    """The same business key was used before with other contents."""
    return CommandRejectedError(
        RefusalReason.CONFLICTING_COPY,
        f"{what} was received before with other contents; the first copy stands.",
        "Repeat the first copy exactly, or leave it; only what is new may have a new id, since the "
        "same thing under two ids counts twice.",
    )


def wrong_currency(what: str, currency: str, account_currency: str | None) -> CommandRejectedError:
    """One account has one currency."""
    return CommandRejectedError(
        RefusalReason.CURRENCY_MISMATCH,
        f"{what} is in {currency}, the account is held in {account_currency}.",
        "Send it in the account's currency.",
    )
