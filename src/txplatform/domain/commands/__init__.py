"""Decide commands.

A decision depends on an account at one version and on the events that its stream already holds
under the command's keys. It records events on the account. They take effect when the event store
accepts them, which it does only right after that version.

To add a command, declare it in `requests.py` or `advices.py`, write its function in a module of
this package, and add a case below.
"""

from typing import assert_never

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.account_command import EarlyAdvice, VersionedAdvice
from txplatform.domain.advices import Advice, Reversal
from txplatform.domain.commands.account_settings import set_controls, set_status, take_version
from txplatform.domain.commands.authorize import authorize
from txplatform.domain.commands.increment_authorization import increment_authorization
from txplatform.domain.commands.opening import open_account, take_early_advice
from txplatform.domain.commands.outcome import Outcome, earlier_copy
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.commands.release_hold import expire_hold, reverse_authorization
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
    """Record the events that follow from a command on the account.

    `prior` has the events of the account's stream under `command.keys`.

    Raises:
        CommandRejectedError: The command contradicts recorded events.
        TransactionNotReadError: The decision needs a transaction that was not read. Nothing is
            recorded.
    """
    # A late purchase has a second key, so `authorize` looks for copies itself.
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
        case EarlyAdvice():
            outcome = take_early_advice(command, account, prior, context)
        case VersionedAdvice():
            outcome = take_version(command, account, context)
        case _:
            assert_never(command)
    return outcome
