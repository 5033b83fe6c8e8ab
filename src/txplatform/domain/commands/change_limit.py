"""Change an account's credit limit; the newest limit version wins, whatever the order."""

from __future__ import annotations

from dataclasses import dataclass

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import (
    Outcome,
    OutcomeStatus,
    conflicting_copy,
    wrong_currency,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import (
    CreditLimitChanged,
    CreditLimitChangeSuperseded,
    CreditLimitChangeWaiting,
    limit_change_key,
)
from txplatform.domain.ids import AccountId
from txplatform.domain.values import LimitChange


@dataclass(frozen=True, slots=True)
class ChangeLimit:
    """Put this limit in force, unless a newer one is."""

    change: LimitChange

    @property
    def account_id(self) -> AccountId:
        return self.change.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        key = limit_change_key(self.change)
        return (key, f"waiting:{key}")

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Apply it, note it as stale, or let it wait for the account.

        Raises:
            CommandRejectedError: Another currency than the account's, or the same limit
                version with other contents.
        """
        key = limit_change_key(self.change)
        if isinstance(first := prior.get(key), CreditLimitChanged | CreditLimitChangeSuperseded):
            if first.change == self.change:
                return Outcome(OutcomeStatus.DUPLICATE, first)
            raise conflicting_copy(f"Limit version {self.change.limit_version}")
        if (waiting := account.waiting.get(key)) is not None:
            if waiting == self.change:
                return Outcome(OutcomeStatus.DUPLICATE, prior[f"waiting:{key}"])
            raise conflicting_copy(f"Limit version {self.change.limit_version}")
        if not account.opened:
            event = account.record(CreditLimitChangeWaiting, context, change=self.change)
            return Outcome(OutcomeStatus.WAITING, event)
        return apply_limit_change(account, self.change, context)


def apply_limit_change(account: Account, change: LimitChange, context: DecisionContext) -> Outcome:
    """Put a limit in force on an opened account.

    Raises:
        CommandRejectedError: Another currency than the account's.
    """
    if change.currency != account.currency:
        raise wrong_currency(
            f"Limit version {change.limit_version}", change.currency, account.currency
        )
    if change.limit_version < account.limit_version:
        event = account.record(CreditLimitChangeSuperseded, context, change=change)
        return Outcome(OutcomeStatus.STALE, event)
    return Outcome(
        OutcomeStatus.APPLIED, account.record(CreditLimitChanged, context, change=change)
    )
