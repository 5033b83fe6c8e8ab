"""Runs every recorded decision again: the same rule set, on the state before it, at its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from txplatform.domain.events import AuthorizationDeclined
from txplatform.domain.rules import Case, judge
from txplatform.rulebook.book import UnreadableRuleSetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from txplatform.domain.account import Account
    from txplatform.domain.events import AuthorizationApproved
    from txplatform.domain.reasons import Reason
    from txplatform.domain.rulesets import RuleSet
    from txplatform.rulebook.book import RuleBook

    Differ = Callable[[int, str, Any, Any], None]
    """Is told version, field, what was expected and what was found."""


class Rerun:
    """Decides again what was decided, by the rule book.

    Attributes:
        decisions: How many were run again.
    """

    def __init__(self, book: RuleBook) -> None:
        self.decisions = 0
        self._book = book

    def compare(
        self,
        account: Account,
        event: AuthorizationApproved | AuthorizationDeclined,
        differ: Differ,
    ) -> None:
        """Hold a decision against what its rule set says now.

        Reasons are compared by code and figures: their sentences may be put better in a later
        version. Decisions of before the rules were measured have nothing observed.

        Args:
            account: As it was right before the decision.
            event: The decision.
            differ: Is told each difference.
        """
        version = event.originator_version
        ruleset = self._find(event.ruleset)
        if ruleset is None:
            differ(version, "ruleset", "one that the rule book has whole", event.ruleset)
            return
        self.decisions += 1
        case = Case(account, event.purchase, event.timestamp, event.given_back)
        judgement = judge(ruleset, case)
        recorded = event.reasons if isinstance(event, AuthorizationDeclined) else ()
        expected, found = _figures(judgement.reasons), _figures(recorded)
        if expected != found:
            differ(version, "reasons", expected, found)
        observed = tuple(event.observed)
        if observed and observed != judgement.observed:
            differ(version, "observed", judgement.observed, observed)

    def _find(self, ruleset_id: str) -> RuleSet | None:
        stored = self._book.rulesets.get(ruleset_id)
        try:
            return None if stored is None else stored.read()
        except UnreadableRuleSetError:
            return None  # the rule book's own check says why


def _figures(reasons: tuple[Reason, ...]) -> list[tuple[str, Any, Any]]:
    return [(reason.code.value, reason.observed, reason.limit) for reason in reasons]
