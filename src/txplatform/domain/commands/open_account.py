"""Open an account, and apply what waited for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from txplatform.domain.commands.change_limit import apply_limit_change
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    Status,
    conflicting_copy,
)
from txplatform.domain.commands.receive_payment import apply_payment
from txplatform.domain.events import (
    AccountOpened,
    WaitingMessageRejected,
    business_key,
    opening_key,
)
from txplatform.domain.facts import LimitChange, Payment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from txplatform.domain.account import Account, Stamp
    from txplatform.domain.events import AccountEvent
    from txplatform.domain.facts import Opening
    from txplatform.domain.ids import AccountId


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Open this account, once for ever."""

    opening: Opening

    @property
    def account_id(self) -> AccountId:
        return self.opening.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        return (opening_key(),)

    def decide(self, account: Account, stored: Mapping[str, AccountEvent], stamp: Stamp) -> Outcome:
        """Open it; payments and limit changes that waited are applied right after, in order.

        Raises:
            CommandRejectedError: It was opened before with another currency, limit or time.
        """
        match stored.get(opening_key()):
            case AccountOpened() as first:
                if _says_the_same(first.opening, self.opening):
                    return Outcome(Status.DUPLICATE, first)
                raise conflicting_copy(f"The opening of account {self.account_id}")
        opened = account.record(AccountOpened, stamp, opening=self.opening)
        waiting = list(account.waiting.values())
        limit_changes = [message for message in waiting if isinstance(message, LimitChange)]
        payments = [message for message in waiting if isinstance(message, Payment)]
        for change in sorted(limit_changes, key=lambda change: change.limit_version):
            _settle(account, stamp, change)
        for payment in payments:
            _settle(account, stamp, payment)
        return Outcome(Status.APPLIED, opened)


def _settle(account: Account, stamp: Stamp, message: LimitChange | Payment) -> None:
    """Apply a message that waited, or record why it never can be."""
    try:
        match message:
            case LimitChange():
                apply_limit_change(account, message, stamp)
            case Payment():
                apply_payment(account, message, stamp)
    except CommandRejectedError as error:
        account.record(
            WaitingMessageRejected,
            stamp,
            business_key=business_key(message),
            reason=error.reason,
            detail=error.detail,
        )


def _says_the_same(first: Opening, second: Opening) -> bool:
    """A caller who gives no time does not contradict one who does."""
    if first.opened_at is None or second.opened_at is None:
        return replace(first, opened_at=None) == replace(second, opened_at=None)
    return first == second
