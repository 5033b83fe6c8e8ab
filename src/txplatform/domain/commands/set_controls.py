"""Give an account rules of its own, which stand beside the rule set's and can only narrow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from txplatform.domain.commands.outcome import Outcome, Status, conflicting_copy
from txplatform.domain.events import ControlsChanged, controls_key

if TYPE_CHECKING:
    from txplatform.domain.account import Account, Stamp
    from txplatform.domain.commands.stored import Stored
    from txplatform.domain.facts import ControlsChange
    from txplatform.domain.ids import AccountId


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

    def decide(self, account: Account, stored: Stored, stamp: Stamp) -> Outcome:
        """Apply it, once for ever.

        Raises:
            CommandRejectedError: The same id with other contents.
        """
        match stored.get(controls_key(self.change.controls_id)):
            case ControlsChanged() as first:
                if first.change == self.change:
                    return Outcome(Status.DUPLICATE, first)
                raise conflicting_copy(f"Controls {self.change.controls_id}")
        return Outcome(Status.APPLIED, account.record(ControlsChanged, stamp, change=self.change))
