"""Judge recorded decisions by a candidate, each on the account state before the decision."""

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
    """A recorded decision and the candidate's.

    Attributes:
        position: The recorded decision's position in the log.
        reasons: Why the candidate declines; empty if it approves.
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
        """True if the candidate decides differently."""
        return self.approved is bool(self.reasons)


def judge_events(
    events: Iterable[LoggedEvent], accounts: Mapping[str, Account], candidate: RuleSet
) -> list[JudgedDecision]:
    """Apply the events to their accounts, and judge each decision before it is applied.

    Args:
        events: In log order.
        accounts: By stream, the state before the first of the events; they are updated.
        candidate: The rule set to judge by.
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
