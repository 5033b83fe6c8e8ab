"""Holds recorded decisions against a candidate, each on the account as it was decided on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from txplatform.domain.account import Account
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.reasons import Reason
from txplatform.domain.rules import Case
from txplatform.domain.rulesets import RuleSet
from txplatform.eventstore.statements import LoggedEvent


@dataclass(frozen=True, slots=True)
class Judged:
    """A recorded decision, and what the candidate says.

    Attributes:
        logged: The decision.
        reasons: Why the candidate declines; empty where it approves.
    """

    logged: LoggedEvent
    reasons: tuple[Reason, ...]

    @property
    def approved(self) -> bool:
        """Whether it was approved."""
        return isinstance(self.logged.event, AuthorizationApproved)

    @property
    def disagrees(self) -> bool:
        """Whether the candidate decides otherwise."""
        return self.approved is bool(self.reasons)


def judge_events(
    events: Iterable[LoggedEvent], accounts: Mapping[str, Account], candidate: RuleSet
) -> list[Judged]:
    """Follow the events, and judge each decision on the state right before it.

    Args:
        events: In the log's order.
        accounts: Every account of theirs, as it was before the first of its events; they are
            brought forward.
        candidate: What to judge by.
    """
    judged = []
    for logged in events:
        event = logged.event
        account = accounts[event.originator_id]
        if isinstance(event, AuthorizationApproved | AuthorizationDeclined):
            case = Case(account, event.purchase, event.timestamp, event.already_posted)
            judged.append(Judged(logged, candidate.judge(case, account.controls).reasons))
        event.mutate(account)
    return judged
