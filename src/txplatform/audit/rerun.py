"""Re-evaluate recorded decisions with the rule sets and account states they were based on."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, assert_never

from txplatform.domain.account import Account
from txplatform.domain.commands.authorize import authorization_code_of
from txplatform.domain.commands.increment_authorization import judge_increment
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    IncrementDeclined,
)
from txplatform.domain.reasons import Reason
from txplatform.domain.rules import Case, Judgement
from txplatform.domain.rulesets import RuleSet
from txplatform.rulebook.book import RuleBook, UnreadableRuleSetError

Differ = Callable[[int, str, Any, Any], None]
"""Called with version, field, expected value and found value."""

Decision = (
    AuthorizationApproved | AuthorizationDeclined | AuthorizationIncremented | IncrementDeclined
)


class Rerun:
    """Re-evaluates recorded decisions with rule sets from the rule book.

    Attributes:
        decisions: The number of decisions re-evaluated so far.
    """

    def __init__(self, book: RuleBook) -> None:
        self.decisions = 0
        self._book = book
        self._decided_by = book.ever_active & book.rulesets.keys()

    def compare(self, account: Account, event: Decision, differ: Differ) -> None:
        """Re-evaluate a decision with its recorded rule set, and report each difference.

        Reasons are compared without their messages, since a later version may word them
        differently.

        Args:
            account: The account right before the decision.
            event: The decision.
            differ: Called for each difference.
        """
        version = event.originator_version
        ruleset = self._find(event.ruleset)
        if ruleset is None:
            expected_ruleset = "a rule set that was activated and can be read"
            differ(version, "ruleset", expected_ruleset, event.ruleset)
            return
        self.decisions += 1
        judgement = _judge(account, event, ruleset)
        recorded = (
            event.reasons if isinstance(event, AuthorizationDeclined | IncrementDeclined) else ()
        )
        expected, found = _figures(judgement.reasons), _figures(recorded)
        if expected != found:
            differ(version, "reasons", expected, found)
        if event.observed != judgement.observed:
            differ(version, "observed", judgement.observed, event.observed)
        if isinstance(event, AuthorizationApproved | AuthorizationIncremented):
            expires_at = _hold_expiry(account, event, ruleset)
            if event.expires_at != expires_at:
                differ(version, "expires_at", expires_at, event.expires_at)
        if isinstance(event, AuthorizationApproved):
            code = authorization_code_of(event.purchase)
            if event.authorization_code != code:
                differ(version, "authorization_code", code, event.authorization_code)

    def _find(self, ruleset_id: str) -> RuleSet | None:
        if ruleset_id not in self._decided_by:
            return None
        try:
            return self._book.rulesets[ruleset_id].read()
        except UnreadableRuleSetError:
            return None  # reported by the check of the rule book


def _judge(account: Account, event: Decision, ruleset: RuleSet) -> Judgement:
    match event:
        case AuthorizationApproved() | AuthorizationDeclined():
            case = Case(account, event.purchase, event.timestamp, event.already_posted)
            return ruleset.judge(case, account.controls)
        case AuthorizationIncremented() | IncrementDeclined():
            return judge_increment(
                account,
                event.increment,
                event.purchase,
                event.raised_from,
                ruleset,
                event.timestamp,
            )
        case _:
            assert_never(event)


def _hold_expiry(
    account: Account, event: AuthorizationApproved | AuthorizationIncremented, ruleset: RuleSet
) -> datetime | None:
    category = event.purchase.merchant.category_code
    match event:
        case AuthorizationApproved():
            return ruleset.hold_days.end(category, event.timestamp) if event.held else None
        case AuthorizationIncremented(increment=increment):
            _, expires_at = account.holds.get(increment.transaction_id, (0, None))
            return ruleset.hold_days.extended(expires_at, category, event.timestamp)
        case _:
            assert_never(event)


def _figures(reasons: tuple[Reason, ...]) -> list[tuple[str, str, Any, Any]]:
    return [
        (reason.code.value, reason.response_code, reason.observed, reason.limit)
        for reason in reasons
    ]
