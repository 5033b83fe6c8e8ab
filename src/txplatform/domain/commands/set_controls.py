"""Give an account rules of its own, which stand beside the rule set's and can only narrow it."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.events import ControlsChanged
from txplatform.domain.requests import ControlsChange


def set_controls(change: ControlsChange, account: Account, context: DecisionContext) -> Outcome:
    """Replace the account's own rules."""
    event = account.record(ControlsChanged, context, change=change)
    return Outcome(OutcomeStatus.APPLIED, event)
