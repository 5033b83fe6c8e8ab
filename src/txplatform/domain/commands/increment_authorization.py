"""Decide on raising a hold, as a hotel or a petrol pump asks for."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import AuthorizationIncremented, IncrementDeclined
from txplatform.domain.reasons import Reason, ReasonCode, most_important_first
from txplatform.domain.requests import Increment, Merchant, Purchase
from txplatform.domain.rules import ALWAYS, Case, Judgement
from txplatform.domain.rules.rule import ask, checks_of
from txplatform.domain.rulesets import RuleSet

_ACCOUNT_CHECKS = checks_of(ALWAYS)
_NO_MERCHANT = Merchant("", "", "", "")


def increment_authorization(
    increment: Increment, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Raise the hold or decline; without an open hold it is declined (docs/contracts.md).

    Raises:
        TransactionNotReadError: The transaction that is raised has to be read.
    """
    asked, raised_from = None, 0
    if increment.transaction_id in account.holds:
        transaction = prior.transaction(increment.transaction_id)
        assert transaction.purchase is not None  # what has a hold was approved
        asked = replace(transaction.purchase, amount=increment.amount)
        raised_from = transaction.approved
    return decide_increment(account, increment, asked, raised_from, context)


def decide_increment(
    account: Account,
    increment: Increment,
    asked: Purchase | None,
    raised_from: int,
    context: DecisionContext,
) -> Outcome:
    """Raise a hold or decline; arguments as of `judge_increment`."""
    judgement = judge_increment(
        account, increment, asked, raised_from, context.ruleset, context.now
    )
    if judgement.reasons or asked is None:
        declined = account.record(
            IncrementDeclined,
            context,
            increment=increment,
            purchase=asked,
            raised_from=raised_from,
            reasons=judgement.reasons,
            balance=account.balance if account.opened else None,
            ruleset=context.ruleset.id,
            observed=judgement.observed,
        )
        return Outcome(OutcomeStatus.APPLIED, declined)
    incremented = account.record(
        AuthorizationIncremented,
        context,
        increment=increment,
        purchase=asked,
        raised_from=raised_from,
        balance=account.balance_after(pending=increment.amount),
        ruleset=context.ruleset.id,
        observed=judgement.observed,
    )
    return Outcome(OutcomeStatus.APPLIED, incremented)


def judge_increment(  # noqa: PLR0913  # what the decision rests on
    account: Account,
    increment: Increment,
    asked: Purchase | None,
    raised_from: int,
    ruleset: RuleSet,
    now: datetime,
) -> Judgement:
    """Ask all rules that the purchase itself had to pass.

    Limits of one purchase apply to its total, velocity rules to the increment. Otherwise a small
    purchase could be raised to an amount that the rules would have refused.

    Args:
        account: As it is before.
        increment: By how much a hold is to be raised.
        asked: The purchase that is raised, its amount the increment's; None where there is no
            open hold: then only the account is asked, since nothing is known of a purchase.
        raised_from: The amount authorized so far, minor units.
        ruleset: In force.
        now: The time of the decision.
    """
    if asked is not None:
        return ruleset.judge(Case(account, asked, now, raised_from=raised_from), account.controls)
    transaction_id = increment.transaction_id
    unknown = Purchase(
        transaction_id,
        increment.account_id,
        increment.amount,
        account.currency or "",
        _NO_MERCHANT,
    )
    judgement = ask(_ACCOUNT_CHECKS, Case(account, unknown, now))
    no_hold = Reason.of(
        ReasonCode.NO_OPEN_HOLD, f"Transaction {transaction_id} has no open hold to raise."
    )
    return Judgement(most_important_first([*judgement.reasons, no_hold]), judgement.observed)
