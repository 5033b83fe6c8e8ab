"""Decide on raising a hold, as a hotel or a petrol pump asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from txplatform.domain.commands.outcome import Outcome, Status, conflicting_copy
from txplatform.domain.events import AuthorizationIncremented, IncrementDeclined, increment_key
from txplatform.domain.purchase import Merchant, Purchase
from txplatform.domain.reasons import Reason, ReasonCode, most_important_first
from txplatform.domain.rules import ALWAYS, Case
from txplatform.domain.rules.rule import ask, checks_of

if TYPE_CHECKING:
    from txplatform.domain.account import Account, Stamp
    from txplatform.domain.commands.stored import Stored
    from txplatform.domain.facts import Increment
    from txplatform.domain.ids import AccountId

_CHECKS = checks_of(ALWAYS)
"""An increment is held against status and credit; rule sets look at purchases."""
_NO_MERCHANT = Merchant("", "", "", "")


@dataclass(frozen=True, slots=True)
class IncrementAuthorization:
    """Decide this increment, once for ever."""

    increment: Increment

    @property
    def account_id(self) -> AccountId:
        return self.increment.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        return (increment_key(self.increment.increment_id),)

    def decide(self, account: Account, stored: Stored, stamp: Stamp) -> Outcome:
        """Raise the hold or decline; there has to be one (contracts.md).

        Raises:
            CommandRejectedError: The increment id was used with other contents.
        """
        increment = self.increment
        match stored.get(increment_key(increment.increment_id)):
            case AuthorizationIncremented() | IncrementDeclined() as first:
                if first.increment == increment:
                    return Outcome(Status.DUPLICATE, first)
                raise conflicting_copy(f"Increment {increment.increment_id}")
        asked = Purchase(
            increment.transaction_id,
            increment.account_id,
            increment.amount,
            account.currency or "",
            _NO_MERCHANT,
        )
        reasons = ask(_CHECKS, Case(account, asked, stamp.now)).reasons
        if increment.transaction_id not in account.holds:
            no_hold = Reason.of(
                ReasonCode.NO_OPEN_HOLD,
                f"Transaction {increment.transaction_id} has no open hold to raise.",
            )
            reasons = most_important_first([*reasons, no_hold])
        if reasons:
            declined = account.record(
                IncrementDeclined,
                stamp,
                increment=increment,
                reasons=reasons,
                balance=account.balance if account.opened else None,
                ruleset=stamp.ruleset.id,
            )
            return Outcome(Status.APPLIED, declined)
        raised = account.record(
            AuthorizationIncremented,
            stamp,
            increment=increment,
            balance=account.balance_after(pending=increment.amount),
            ruleset=stamp.ruleset.id,
        )
        return Outcome(Status.APPLIED, raised)
