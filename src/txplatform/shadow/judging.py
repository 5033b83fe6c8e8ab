"""Re-evaluate recorded decisions with a candidate rule set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from txplatform.domain.account import Account
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.reasons import Reason
from txplatform.domain.rules import Case
from txplatform.domain.rulesets import RuleSet
from txplatform.eventstore.statements import LoggedEvent


@dataclass(frozen=True, slots=True)
class JudgedDecision:
    """A recorded decision, re-evaluated with a candidate rule set.

    Attributes:
        reasons: The decline reasons of the candidate; empty if the candidate approves.
    """

    position: int
    recorded: AuthorizationApproved | AuthorizationDeclined
    reasons: tuple[Reason, ...]

    @property
    def approved(self) -> bool:
        """True if the recorded decision is an approval."""
        return isinstance(self.recorded, AuthorizationApproved)

    @property
    def disagrees(self) -> bool:
        """True if the candidate rule set decides differently."""
        return self.approved is bool(self.reasons)


def judge_events(
    events: Iterable[LoggedEvent], accounts: Mapping[str, Account], candidate: RuleSet
) -> list[JudgedDecision]:
    """Apply the events to their accounts, re-evaluating each decision before applying it.

    Args:
        events: The events in log order.
        accounts: The accounts by stream, in the state before these events; updated in place.
        candidate: The rule set to re-evaluate the decisions with.
    """
    judged = []
    for logged in events:
        event = logged.event
        account = accounts[event.originator_id]
        if isinstance(event, AuthorizationApproved | AuthorizationDeclined):
            case = Case(account, event.purchase, event.timestamp, event.already_posted)
            reasons = candidate.judge(case, account.controls).reasons
            judged.append(JudgedDecision(logged.position, event, reasons))
        event.mutate(account)
    return judged
