"""Freeze, close or release an account as an operator asks.

The accounts team's status is kept apart; the stricter of the two holds, and closed is terminal
(docs/contracts.md).
"""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
)
from txplatform.domain.events import OperatorStatusSet
from txplatform.domain.requests import OperatorStatus
from txplatform.domain.status import AccountStatus


def set_status(change: OperatorStatus, account: Account, context: DecisionContext) -> Outcome:
    """Put an operator's status in force.

    Raises:
        CommandRejectedError: The account is closed.
    """
    if account.status is AccountStatus.CLOSED:
        raise CommandRejectedError(
            RefusalReason.ACCOUNT_CLOSED,
            f"Account {change.account_id} is closed permanently.",
            "Open another account.",
        )
    event = account.record(OperatorStatusSet, context, change=change)
    return Outcome(OutcomeStatus.APPLIED, event)
