"""Open an account, and apply what waited for it."""

from __future__ import annotations

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import (
    Clearing,
    LimitChange,
    PaymentReturn,
    Refund,
    WaitingMessage,
)
from txplatform.domain.commands.early_advice import apply_advice
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.commands.waiting import reject_waiting
from txplatform.domain.events import AccountOpened
from txplatform.domain.requests import Opening


def open_account(
    opening: Opening, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Open an account, then apply the messages that waited for that.

    Limit changes come first, in order of version; the others follow as they came.

    Raises:
        TransactionNotReadError: A message that waits needs a transaction.
    """
    # Before anything is recorded: what is missing is fetched, and all is decided again.
    prior.require(
        message.transaction_id
        for message in account.waiting.values()
        if isinstance(message, Clearing | Refund) and message.transaction_id is not None
    )
    opened = account.record(AccountOpened, context, opening=opening)
    waiting = list(account.waiting.values())
    limit_changes = [message for message in waiting if isinstance(message, LimitChange)]
    for change in sorted(limit_changes, key=lambda change: change.limit_version):
        _settle(change, account, prior, context)
    for message in waiting:
        # A return waits for its payment, which applies it.
        if not isinstance(message, LimitChange | PaymentReturn):
            _settle(message, account, prior, context)
    return Outcome(OutcomeStatus.APPLIED, opened)


def _settle(
    message: WaitingMessage, account: Account, prior: PriorEvents, context: DecisionContext
) -> None:
    """Apply a message that waited, or record why it never can be."""
    before = len(account.pending_events)
    try:
        apply_advice(message, account, prior, context)
    except CommandRejectedError as error:
        reject_waiting(message, error, account, context)
    # What waits later may be about the same transaction, or correct this one.
    for event in account.pending_events[before:]:
        prior[event.key] = event
