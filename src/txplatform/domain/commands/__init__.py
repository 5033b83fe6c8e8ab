"""Decide commands.

A decision depends on one version of an account and on the events already stored under the command's
business keys. The decision records new events on the account. The event store accepts the new
events only if the stored account still has the same version.

To add a command, declare the command in `requests.py` or `advices.py`, write a function in a module
of this package, and add a case to `_decide_new`.
"""

from dataclasses import replace
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
    """Decide a command, and record the resulting events on the account.

    The account's time never goes backwards: the decision is made at the later of `context.now` and
    the time of the account's last event.

    `prior` must have the account's stored events whose keys are in `command.keys`.

    Raises:
        CommandRejectedError: The command contradicts the account's state or an earlier command.
        TransactionNotReadError: The decision needs a transaction whose events were not read.
            Nothing is recorded.
    """
    if account.last_event_at is not None and context.now < account.last_event_at:
        context = replace(context, now=account.last_event_at)
    # `authorize` looks for copies itself, because a late purchase has a second key.
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
