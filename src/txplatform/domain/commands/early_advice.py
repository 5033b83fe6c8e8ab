"""Apply an advice that may come before its account was opened."""

from __future__ import annotations

from typing import assert_never

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import (
    Clearing,
    Correction,
    LimitChange,
    Payment,
    PaymentReturn,
    Refund,
    WaitingMessage,
)
from txplatform.domain.commands.checks import check_currency
from txplatform.domain.commands.clear_purchase import clear_purchase
from txplatform.domain.commands.correct_clearing import correct_clearing
from txplatform.domain.commands.newest_version import take_version
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.commands.receive_payment import receive_payment
from txplatform.domain.commands.refund_purchase import refund_purchase
from txplatform.domain.commands.return_payment import return_payment
from txplatform.domain.commands.waiting import let_wait


def take_early_advice(
    advice: WaitingMessage, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Apply an advice, or let it wait until the account is opened.

    Raises:
        CommandRejectedError: It contradicts what is recorded.
    """
    if not account.opened:
        return let_wait(advice, account, context)
    return apply_advice(advice, account, prior, context)


def apply_advice(
    advice: WaitingMessage, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Apply an advice to an opened account.

    Raises:
        CommandRejectedError: It contradicts what is recorded.
    """
    match advice:
        case LimitChange():
            check_currency(advice, account)
            outcome = take_version(advice, account, context)
        case Payment():
            outcome = receive_payment(advice, account, context)
        case PaymentReturn():
            outcome = return_payment(advice, account, prior, context)
        case Clearing():
            outcome = clear_purchase(advice, account, prior, context)
        case Correction():
            outcome = correct_clearing(advice, account, prior, context)
        case Refund():
            outcome = refund_purchase(advice, account, prior, context)
        case _:
            assert_never(advice)
    return outcome
