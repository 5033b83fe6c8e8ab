"""Apply an advice that replaces the one before it: the newest version wins, whatever the order."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, assert_never

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import LimitChange, StatusChange
from txplatform.domain.commands.checks import check_currency
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.events import (
    AccountStatusChanged,
    AccountStatusSuperseded,
    AdministrativeEvent,
    CreditLimitChanged,
    CreditLimitChangeSuperseded,
)
from txplatform.domain.status import AccountStatus


class _Kinds(NamedTuple):
    """The events of a version that is in force, and of one that came too late."""

    effective: Callable[..., AdministrativeEvent]
    superseded: Callable[..., AdministrativeEvent]


def take_version(
    change: LimitChange | StatusChange, account: Account, context: DecisionContext
) -> Outcome:
    """Apply a change, or record it as stale if a newer version is in force.

    An older version still closes the account: closed is terminal.

    Raises:
        CommandRejectedError: A limit in another currency than the account's.
    """
    terminal = False
    match change:
        case LimitChange():
            check_currency(change, account)
            in_force = account.limit_version
            kinds = _Kinds(CreditLimitChanged, CreditLimitChangeSuperseded)
        case StatusChange():
            terminal = change.status is AccountStatus.CLOSED
            in_force = account.status_version
            kinds = _Kinds(AccountStatusChanged, AccountStatusSuperseded)
        case _:
            assert_never(change)
    if change.version < in_force and not terminal:
        return Outcome(
            OutcomeStatus.STALE, account.record(kinds.superseded, context, change=change)
        )
    return Outcome(OutcomeStatus.APPLIED, account.record(kinds.effective, context, change=change))
