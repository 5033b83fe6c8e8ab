"""Change an account's status, credit limit or controls."""

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.account_command import VersionedAdvice
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
)
from txplatform.domain.events import ControlsChanged, OperatorStatusSet
from txplatform.domain.events.accounts import VERSIONED
from txplatform.domain.requests import ControlsChange, OperatorStatus
from txplatform.domain.status import AccountStatus


def take_version(change: VersionedAdvice, account: Account, context: DecisionContext) -> Outcome:
    """Apply a versioned change, or record the change as superseded by a newer version.

    A change to closed takes effect even if a newer version arrived earlier.
    """
    events = VERSIONED[type(change)]
    stale = change.version < getattr(account, change.VERSION)
    if stale and not change.terminal:
        event = account.record(events.superseded, context, change=change, flags=change.flags)
        return Outcome(OutcomeStatus.STALE, event)
    event = account.record(events.effective, context, change=change, flags=change.flags)
    return Outcome(OutcomeStatus.APPLIED, event)


def set_status(change: OperatorStatus, account: Account, context: DecisionContext) -> Outcome:
    """Set the account status chosen by an operator.

    The accounts team's status is stored separately. The stricter of the two statuses is in force
    (docs/contracts.md).

    Raises:
        CommandRejectedError: The account is closed.
    """
    if account.status is AccountStatus.CLOSED:
        raise CommandRejectedError(
            RefusalReason.ACCOUNT_CLOSED,
            "The account is closed permanently.",
            "Open another account.",
        )
    event = account.record(OperatorStatusSet, context, change=change)
    return Outcome(OutcomeStatus.APPLIED, event)


def set_controls(change: ControlsChange, account: Account, context: DecisionContext) -> Outcome:
    """Replace the account's controls."""
    event = account.record(ControlsChanged, context, change=change)
    return Outcome(OutcomeStatus.APPLIED, event)
