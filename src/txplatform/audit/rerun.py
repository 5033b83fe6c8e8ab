"""Re-evaluate recorded decisions with the rule sets and account states they were based on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, assert_never

from txplatform.domain.account import Account
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

        Reasons are compared by code, observed value and limit, since a later version may word them
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
        if isinstance(event, AuthorizationApproved) and event.expires_at is not None:
            days = ruleset.hold_days.of(event.purchase.merchant.category_code)
            expires_at = event.timestamp + timedelta(days=days)
            if event.expires_at != expires_at:
                differ(version, "expires_at", expires_at, event.expires_at)

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


def _figures(reasons: tuple[Reason, ...]) -> list[tuple[str, Any, Any]]:
    return [(reason.code.value, reason.observed, reason.limit) for reason in reasons]
