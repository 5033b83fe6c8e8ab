"""Open an account, and apply what waited for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.change_limit import apply_limit_change
from txplatform.domain.commands.clear_purchase import apply_clearing
from txplatform.domain.commands.correct_clearing import apply_correction
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    conflicting_copy,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.commands.receive_payment import apply_payment
from txplatform.domain.commands.refund_purchase import apply_refund
from txplatform.domain.events import (
    AccountOpened,
    WaitingMessageRejected,
    business_key,
    opening_key,
)
from txplatform.domain.ids import AccountId
from txplatform.domain.values import (
    Clearing,
    Correction,
    LimitChange,
    Opening,
    Payment,
    Refund,
    WaitingMessage,
)


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

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Open it; what waited for that is applied right after, in order.

        Raises:
            CommandRejectedError: It was opened before with another currency, limit or time.
        """
        match prior.get(opening_key()):
            case AccountOpened() as first:
                if _says_the_same(first.opening, self.opening):
                    return Outcome(OutcomeStatus.DUPLICATE, first)
                raise conflicting_copy(f"The opening of account {self.account_id}")
        # Before anything is recorded: what is missing is fetched, and all is decided again.
        prior.require(
            message.transaction_id
            for message in account.waiting.values()
            if isinstance(message, Clearing | Refund) and message.transaction_id is not None
        )
        opened = account.record(AccountOpened, context, opening=self.opening)
        waiting = list(account.waiting.values())
        limit_changes = [message for message in waiting if isinstance(message, LimitChange)]
        for change in sorted(limit_changes, key=lambda change: change.limit_version):
            _settle(account, prior, context, change)
        for message in waiting:
            if not isinstance(message, LimitChange):
                _settle(account, prior, context, message)
        return Outcome(OutcomeStatus.APPLIED, opened)


def _settle(
    account: Account, prior: PriorEvents, context: DecisionContext, message: WaitingMessage
) -> None:
    """Apply a message that waited, or record why it never can be."""
    before = len(account.pending_events)
    try:
        match message:
            case LimitChange():
                apply_limit_change(account, message, context)
            case Payment():
                apply_payment(account, message, context)
            case Clearing():
                apply_clearing(account, message, prior, context)
            case Refund():
                apply_refund(account, message, prior, context)
            case Correction():
                apply_correction(account, message, prior, context)
    except CommandRejectedError as error:
        account.record(
            WaitingMessageRejected,
            context,
            business_key=business_key(message),
            reason=error.reason,
            detail=error.detail,
        )
    # What waits later may be about the same transaction, or correct this one.
    for event in account.pending_events[before:]:
        prior[event.key] = event  # type: ignore[attr-defined,assignment]  # ours are keyed


def _says_the_same(first: Opening, second: Opening) -> bool:
    """A caller who gives no time does not contradict one who does."""
    if first.opened_at is None or second.opened_at is None:
        return replace(first, opened_at=None) == replace(second, opened_at=None)
    return first == second
