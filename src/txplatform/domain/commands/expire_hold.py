"""End a hold that nothing cleared in time."""

from __future__ import annotations

from dataclasses import dataclass

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import HoldExpired, hold_expiry_key
from txplatform.domain.ids import AccountId, TransactionId


@dataclass(frozen=True, slots=True)
class ExpireHold:
    """End the hold of this transaction if its time has come; at most once."""

    account_id: AccountId
    transaction_id: TransactionId

    @property
    def keys(self) -> tuple[str, ...]:
        return (hold_expiry_key(self.transaction_id),)

    def decide(self, account: Account, prior: PriorEvents, context: DecisionContext) -> Outcome:  # noqa: ARG002  # the hold says it all
        """Release the hold.

        Raises:
            CommandRejectedError: There is no hold any more, or its time has not come.
        """
        hold = account.holds.get(self.transaction_id)
        if hold is None:
            raise CommandRejectedError(
                RefusalReason.NO_OPEN_HOLD,
                f"Transaction {self.transaction_id} holds nothing.",
                "Nothing is to be done: it was cleared, reversed or expired before.",
            )
        held, expires_at = hold
        if expires_at is None or context.now < expires_at:
            raise CommandRejectedError(
                RefusalReason.HOLD_NOT_DUE,
                f"The hold of transaction {self.transaction_id} stands until {expires_at}.",
                "Try again then.",
            )
        event = account.record(
            HoldExpired,
            context,
            transaction=self.transaction_id,
            released=held,
            balance=account.balance_after(pending=-held),
        )
        return Outcome(OutcomeStatus.APPLIED, event)
