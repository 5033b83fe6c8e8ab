"""Open an account, and decide advices that can arrive before the opening."""

from typing import assert_never

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.account_command import VersionedAdvice
from txplatform.domain.advices import (
    Clearing,
    Correction,
    Payment,
    PaymentReturn,
    Refund,
    WaitingMessage,
)
from txplatform.domain.commands.account_settings import take_version
from txplatform.domain.commands.checks import check_balance, check_currency
from txplatform.domain.commands.corrections import correct_presentment
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.commands.payments import receive_payment, return_payment
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.commands.settlement import clear_purchase, refund_purchase
from txplatform.domain.commands.waiting import let_wait, reject_waiting
from txplatform.domain.events import AccountOpened
from txplatform.domain.requests import Opening


def take_early_advice(
    advice: WaitingMessage, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Apply an advice to an opened account, or let the advice wait for the account's opening.

    Raises:
        CommandRejectedError: The advice contradicts the account's state or an earlier command.
        TransactionNotReadError: The advice needs a transaction whose events were not read.
    """
    if account.opened:
        return _apply(advice, account, prior, context)
    return let_wait(advice, account, context)


def _apply(
    advice: WaitingMessage, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    match advice:
        case VersionedAdvice():
            check_currency(advice, account)
            outcome = take_version(advice, account, context)
        case Payment():
            outcome = receive_payment(advice, account, context)
        case PaymentReturn():
            outcome = return_payment(advice, account, prior, context)
        case Clearing():
            outcome = clear_purchase(advice, account, prior, context)
        case Correction():
            outcome = correct_presentment(advice, account, prior, context)
        case Refund():
            outcome = refund_purchase(advice, account, prior, context)
        case _:
            assert_never(advice)
    return outcome


def open_account(
    opening: Opening, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Open an account, then apply its waiting messages.

    Versioned advices come first, in order of version. Other messages follow in order of arrival.

    Raises:
        CommandRejectedError: The opening balance exceeds the supported range.
        TransactionNotReadError: A waiting message needs a transaction whose events were not read.
    """
    check_balance(opening, opening.opening_balance)
    # Checked before anything is recorded, because the whole command is decided again after a read.
    prior.require(
        message.transaction_id
        for message in account.waiting.values()
        if isinstance(message, Clearing | Refund) and message.transaction_id is not None
    )
    opened = account.record(AccountOpened, context, opening=opening, flags=opening.flags)
    waiting = list(account.waiting.values())
    versioned = [message for message in waiting if isinstance(message, VersionedAdvice)]
    for change in sorted(versioned, key=lambda change: change.version):
        _apply_waiting(change, account, prior, context)
    for message in waiting:
        # A return is applied together with its payment, a correction together with its original.
        if not isinstance(message, VersionedAdvice | PaymentReturn | Correction):
            _apply_waiting(message, account, prior, context)
    return Outcome(OutcomeStatus.APPLIED, opened)


def _apply_waiting(
    message: WaitingMessage, account: Account, prior: PriorEvents, context: DecisionContext
) -> None:
    before = len(account.pending_events)
    try:
        _apply(message, account, prior, context)
    except CommandRejectedError as error:
        reject_waiting(message, error, account, context)
    # A later message may belong to the same transaction.
    for event in account.pending_events[before:]:
        prior[event.key] = event
