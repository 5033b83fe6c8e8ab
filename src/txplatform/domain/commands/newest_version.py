"""Apply an advice that replaces the one before it: the newest version wins, whatever the order."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.account_command import VersionedAdvice
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.events.accounts import VERSIONED


def take_version(change: VersionedAdvice, account: Account, context: DecisionContext) -> Outcome:
    """Apply a change, or record it as stale if a newer version is in force."""
    events = VERSIONED[type(change)]
    stale = getattr(change, change.VERSION) < getattr(account, change.VERSION)
    if stale and not change.terminal:
        event = account.record(events.superseded, context, change=change)
        return Outcome(OutcomeStatus.STALE, event)
    event = account.record(events.effective, context, change=change)
    return Outcome(OutcomeStatus.APPLIED, event)
