"""Apply an advice that replaces the one before it: the newest version wins, whatever the order."""

from __future__ import annotations

from typing import assert_never

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import LimitChange, StatusChange
from txplatform.domain.commands.checks import check_currency
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.events import (
    AccountEvent,
    AccountStatusChanged,
    AccountStatusSuperseded,
    CreditLimitChanged,
    CreditLimitChangeSuperseded,
)
from txplatform.domain.status import AccountStatus


def take_version(
    change: LimitChange | StatusChange, account: Account, context: DecisionContext
) -> Outcome:
    """Apply a change, or record it as stale if a newer version is in force.

    An older version still closes the account: closed is terminal.

    Raises:
        CommandRejectedError: A limit in another currency than the account's.
    """
    terminal = False
    effective: type[AccountEvent]
    superseded: type[AccountEvent]
    match change:
        case LimitChange():
            check_currency(change, account)
            in_force = account.limit_version
            effective, superseded = CreditLimitChanged, CreditLimitChangeSuperseded
        case StatusChange():
            terminal = change.status is AccountStatus.CLOSED
            in_force = account.status_version
            effective, superseded = AccountStatusChanged, AccountStatusSuperseded
        case _:
            assert_never(change)
    if change.version < in_force and not terminal:
        return Outcome(OutcomeStatus.STALE, account.record(superseded, context, change=change))
    return Outcome(OutcomeStatus.APPLIED, account.record(effective, context, change=change))
