"""The commands that an account can be given, one small module each.

A command is decided on an account at one version and on the events that the stream already holds
under the command's keys. Deciding records events on the account. They become true when the event
store accepts them, which it does only onto that very version.

To add one: its value in `requests.py` or `advices.py`, its module here, one case below.
"""

from __future__ import annotations

from typing import assert_never

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.account_command import VersionedAdvice
from txplatform.domain.advices import (
    Advice,
    Clearing,
    Correction,
    LimitChange,
    Payment,
    PaymentReturn,
    Refund,
    Reversal,
)
from txplatform.domain.commands.authorize import authorize
from txplatform.domain.commands.early_advice import take_early_advice
from txplatform.domain.commands.expire_hold import expire_hold
from txplatform.domain.commands.increment_authorization import increment_authorization
from txplatform.domain.commands.newest_version import take_version
from txplatform.domain.commands.open_account import open_account
from txplatform.domain.commands.outcome import Outcome, earlier_copy
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.commands.reverse_authorization import reverse_authorization
from txplatform.domain.commands.set_controls import set_controls
from txplatform.domain.commands.set_status import set_status
from txplatform.domain.requests import (
    ControlsChange,
    HoldExpiry,
    Increment,
    Opening,
    OperatorStatus,
    Purchase,
    Request,
)

Command = Request | Advice


def decide(
    command: Command, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Record on the account the events that follow from a command.

    Args:
        command: The request or advice.
        account: The account at its newest version.
        prior: The events that the account's stream holds under `command.keys`.
        context: The time, new identifiers, and the rules.

    Raises:
        CommandRejectedError: The command contradicts what is recorded.
        TransactionNotReadError: The decision needs a transaction that was not read; nothing is
            recorded.
    """
    # A purchase has a second key if it comes late, so `authorize` looks for its copies.
    copy = None if isinstance(command, Purchase) else earlier_copy(command, account, prior)
    return copy or _decide_new(command, account, prior, context)


def _decide_new(
    command: Command, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    match command:
        case Purchase():
            outcome = authorize(command, account, prior, context)
        case Increment():
            outcome = increment_authorization(command, account, prior, context)
        case Opening():
            outcome = open_account(command, account, prior, context)
        case OperatorStatus():
            outcome = set_status(command, account, context)
        case ControlsChange():
            outcome = set_controls(command, account, context)
        case HoldExpiry():
            outcome = expire_hold(command, account, context)
        case Reversal():
            outcome = reverse_authorization(command, account, prior, context)
        case LimitChange() | Payment() | PaymentReturn() | Clearing() | Correction() | Refund():
            outcome = take_early_advice(command, account, prior, context)
        case VersionedAdvice():
            outcome = take_version(command, account, context)
        case _:
            assert_never(command)
    return outcome
