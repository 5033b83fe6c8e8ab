"""Give an account rules of its own, which stand beside the rule set's and can only narrow it."""

from __future__ import annotations

from dataclasses import dataclass

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus, conflicting_copy
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import ControlsChanged, controls_key
from txplatform.domain.ids import AccountId
from txplatform.domain.values import ControlsChange


@dataclass(frozen=True, slots=True)
class SetControls:
    """Let these be the account's own rules, instead of those it had."""

    change: ControlsChange

    @property
    def account_id(self) -> AccountId:
        return self.change.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        return (controls_key(self.change.controls_id),)

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Apply it, once for ever.

        Raises:
            CommandRejectedError: The same id with other contents.
        """
        match prior.get(controls_key(self.change.controls_id)):
            case ControlsChanged() as first:
                if first.change == self.change:
                    return Outcome(OutcomeStatus.DUPLICATE, first)
                raise conflicting_copy(f"Controls {self.change.controls_id}")
        return Outcome(
            OutcomeStatus.APPLIED, account.record(ControlsChanged, context, change=self.change)
        )
