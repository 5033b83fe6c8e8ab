"""Decide increments: requests to raise a hold, typically from hotels and petrol stations."""

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
_UNKNOWN_MERCHANT = Merchant(None, None, None, None)


def increment_authorization(
    increment: Increment, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Raise a hold, or decline the increment (docs/contracts.md).

    Raises:
        TransactionNotReadError: The transaction's events were not read.
    """
    asked, raised_from = None, 0
    if can_be_raised(account, increment, context.now):
        transaction = prior.transaction(increment.transaction_id)
        assert transaction.purchase is not None  # a hold implies an approved purchase
        asked = replace(
            transaction.purchase, amount=increment.amount, reference=None, metadata=None
        )
        raised_from = transaction.authorized_amount
    return decide_increment(account, increment, asked, raised_from, context)


def can_be_raised(account: Account, increment: Increment, now: datetime) -> bool:
    """Return whether there is a hold to raise.

    A hold whose expiry time has passed counts as expired, even if the expiry is not recorded yet.
    Otherwise the decision would depend on how far the hold expirer has got.
    """
    transaction_id = increment.transaction_id
    return transaction_id in account.holds and not account.is_due(transaction_id, now)


def decide_increment(
    account: Account,
    increment: Increment,
    asked: Purchase | None,
    raised_from: int,
    context: DecisionContext,
) -> Outcome:
    """Evaluate the rules for an increment, and record the decision.

    `judge_increment` explains `asked` and `raised_from`.
    """
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
        expires_at=context.ruleset.hold_days.extended(
            account.holds[increment.transaction_id][1], asked.merchant.category_code, context.now
        ),
    )
    return Outcome(OutcomeStatus.APPLIED, incremented)


def judge_increment(  # noqa: PLR0913  # all inputs of the judgement
    account: Account,
    increment: Increment,
    asked: Purchase | None,
    raised_from: int,
    ruleset: RuleSet,
    now: datetime,
) -> Judgement:
    """Evaluate the rules for an increment.

    Amount limits apply to the total after the increment. Otherwise a merchant could raise a small
    purchase to an amount that the rules would decline. For velocity rules, the increment adds its
    own amount, but does not count as another purchase.

    `asked` is the original purchase, but with the increment's amount. `raised_from` is the amount
    authorized so far less reversals, in minor units. If there is no open hold, `asked` is None, the
    increment is declined, and only the always-on rules are evaluated.
    """
    if asked is not None:
        return ruleset.judge(Case(account, asked, now, raised_from=raised_from), account.controls)
    transaction_id = increment.transaction_id
    unknown = Purchase(
        transaction_id,
        increment.account_id,
        increment.amount,
        account.currency or "",
        _UNKNOWN_MERCHANT,
    )
    judgement = ask(_ACCOUNT_CHECKS, Case(account, unknown, now))
    no_hold = Reason.of(
        ReasonCode.NO_OPEN_HOLD, f"Transaction {transaction_id} has no open hold to raise."
    )
    return Judgement(most_important_first([*judgement.reasons, no_hold]), judgement.observed)
