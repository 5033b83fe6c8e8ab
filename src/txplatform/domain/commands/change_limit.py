"""Change an account's credit limit; the newest limit version wins, whatever the order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from txplatform.domain.commands.outcome import Outcome, Status, conflicting_copy, wrong_currency
from txplatform.domain.events import (
    CreditLimitChanged,
    CreditLimitChangeSuperseded,
    CreditLimitChangeWaiting,
    limit_change_key,
)

if TYPE_CHECKING:
    from txplatform.domain.account import Account, Stamp
    from txplatform.domain.commands.stored import Stored
    from txplatform.domain.facts import LimitChange
    from txplatform.domain.ids import AccountId


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

    def decide(self, account: Account, stored: Stored, stamp: Stamp) -> Outcome:
        """Apply it, note it as stale, or let it wait for the account.

        Raises:
            CommandRejectedError: Another currency than the account's, or the same limit
                version with other contents.
        """
        key = limit_change_key(self.change)
        if isinstance(first := stored.get(key), CreditLimitChanged | CreditLimitChangeSuperseded):
            if first.change == self.change:
                return Outcome(Status.DUPLICATE, first)
            raise conflicting_copy(f"Limit version {self.change.limit_version}")
        if (waiting := account.waiting.get(key)) is not None:
            if waiting == self.change:
                return Outcome(Status.DUPLICATE, stored[f"waiting:{key}"])
            raise conflicting_copy(f"Limit version {self.change.limit_version}")
        if not account.opened:
            event = account.record(CreditLimitChangeWaiting, stamp, change=self.change)
            return Outcome(Status.WAITING, event)
        return apply_limit_change(account, self.change, stamp)


def apply_limit_change(account: Account, change: LimitChange, stamp: Stamp) -> Outcome:
    """Put a limit in force on an opened account.

    Raises:
        CommandRejectedError: Another currency than the account's.
    """
    if change.currency != account.currency:
        raise wrong_currency(
            f"Limit version {change.limit_version}", change.currency, account.currency
        )
    if change.limit_version < account.limit_version:
        event = account.record(CreditLimitChangeSuperseded, stamp, change=change)
        return Outcome(Status.STALE, event)
    return Outcome(Status.APPLIED, account.record(CreditLimitChanged, stamp, change=change))
