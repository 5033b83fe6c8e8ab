"""Freeze, close or release an account: the accounts team's status, and an operator's.

They are kept apart and the stricter holds; closed is for ever (contracts.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
    conflicting_copy,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import (
    AccountStatusChanged,
    AccountStatusSuperseded,
    OperatorStatusSet,
    operator_status_key,
    status_change_key,
)
from txplatform.domain.ids import AccountId
from txplatform.domain.status import AccountStatus
from txplatform.domain.values import OperatorStatus, StatusChange


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Put the accounts team's status in force, unless a newer one is."""

    change: StatusChange

    @property
    def account_id(self) -> AccountId:
        return self.change.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        return (status_change_key(self.change.status_version),)

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Apply it or note it as stale; an older version still closes, since that is for ever.

        Raises:
            CommandRejectedError: The same status version with other contents.
        """
        change = self.change
        match prior.get(status_change_key(change.status_version)):
            case AccountStatusChanged() | AccountStatusSuperseded() as first:
                if first.change == change:
                    return Outcome(OutcomeStatus.DUPLICATE, first)
                raise conflicting_copy(f"OutcomeStatus version {change.status_version}")
        closes = change.status is AccountStatus.CLOSED
        if change.status_version < account.status_version and not closes:
            return Outcome(
                OutcomeStatus.STALE, account.record(AccountStatusSuperseded, context, change=change)
            )
        return Outcome(
            OutcomeStatus.APPLIED, account.record(AccountStatusChanged, context, change=change)
        )


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Put an operator's status in force."""

    change: OperatorStatus

    @property
    def account_id(self) -> AccountId:
        return self.change.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        return (operator_status_key(self.change.status_id),)

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Apply it, once for ever.

        Raises:
            CommandRejectedError: The account is closed, or the same id with other contents.
        """
        match prior.get(operator_status_key(self.change.status_id)):
            case OperatorStatusSet() as first:
                if first.change == self.change:
                    return Outcome(OutcomeStatus.DUPLICATE, first)
                raise conflicting_copy(f"OutcomeStatus {self.change.status_id}")
        if account.status is AccountStatus.CLOSED:
            raise CommandRejectedError(
                RefusalReason.ACCOUNT_CLOSED,
                f"Account {self.account_id} is closed, for ever.",
                "Open another account.",
            )
        event = account.record(OperatorStatusSet, context, change=self.change)
        return Outcome(OutcomeStatus.APPLIED, event)
