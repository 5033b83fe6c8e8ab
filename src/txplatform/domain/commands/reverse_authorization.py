"""Release a hold, or a part of it: the merchant gave the purchase up."""

from __future__ import annotations

from dataclasses import dataclass

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus, conflicting_copy
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import AuthorizationReversed, TransactionStarted, reversal_key
from txplatform.domain.ids import AccountId
from txplatform.domain.values import Reversal


@dataclass(frozen=True, slots=True)
class ReverseAuthorization:
    """Apply this reversal, once for ever; also before its authorization, and without one."""

    reversal: Reversal

    @property
    def account_id(self) -> AccountId:
        return self.reversal.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        return (reversal_key(self.reversal.reversal_id),)

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:
        """Release what it names of what is held.

        Raises:
            CommandRejectedError: The reversal id was used with other contents.
        """
        reversal = self.reversal
        match prior.get(reversal_key(reversal.reversal_id)):
            case AuthorizationReversed() as first:
                if first.reversal == reversal:
                    return Outcome(OutcomeStatus.DUPLICATE, first)
                raise conflicting_copy(f"Reversal {reversal.reversal_id}")
        released = 0
        if held := account.held(reversal.transaction_id):
            released = held if reversal.amount is None else min(held, reversal.amount)
        elif not prior.transaction(reversal.transaction_id).claimed:
            account.record(TransactionStarted, context, transaction=reversal.transaction_id)
        event = account.record(
            AuthorizationReversed,
            context,
            reversal=reversal,
            released=released,
            balance=account.balance_after(pending=-released) if account.opened else None,
        )
        return Outcome(OutcomeStatus.APPLIED, event)
