"""Transactions named before their authorization, and holds released without a clearing.

`released` is the released part of the hold in minor units. `balance` is the account's balance after
the event; None if the account is not opened. `flags` mark unusual circumstances.
"""

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.advices import Reversal
from txplatform.domain.currencies import format_amount
from txplatform.domain.events.event import AccountEvent, AdviceEvent, flagged
from txplatform.domain.ids import TransactionId
from txplatform.domain.keys import authorization_key, hold_expiry_key
from txplatform.domain.money import Balance


class TransactionStarted(AccountEvent, frozen=True):
    """A transaction's clearing or reversal arrived before its authorization.

    This event has the authorization's business key. So an authorization decided from an older state
    conflicts on append, and is decided again as a late authorization.
    """

    TOPIC: ClassVar[str] = "transaction-started"
    transaction: TransactionId

    @property
    def key(self) -> str:
        return authorization_key(self.transaction)

    def summary(self, currency: str | None) -> str:
        return f"{self.transaction} named before it was authorized"


class AuthorizationReversed(AdviceEvent, frozen=True):
    """The merchant reversed all or part of an authorization."""

    TOPIC: ClassVar[str] = "authorization-reversed"
    COMMAND: ClassVar[str] = "reversal"
    reversal: Reversal
    released: int
    balance: Balance | None

    @property
    def transaction_id(self) -> TransactionId:
        return self.reversal.transaction_id

    @property
    def pending_change(self) -> int:
        return -self.released

    def summary(self, currency: str | None) -> str:
        reversal = self.reversal
        part = "" if reversal.amount is None else f" by {format_amount(reversal.amount, currency)}"
        return (
            f"{reversal.transaction_id} reversed{part}, {reversal.reversal_id},"
            f" {format_amount(self.released, currency)} released{flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.release(self.reversal.transaction_id, self.released)


class HoldExpired(AccountEvent, frozen=True):
    """A hold was released because it was not cleared in time."""

    TOPIC: ClassVar[str] = "hold-expired"
    transaction: TransactionId
    released: int
    balance: Balance

    @property
    def key(self) -> str:
        return hold_expiry_key(self.transaction)

    @property
    def transaction_id(self) -> TransactionId:
        return self.transaction

    @property
    def pending_change(self) -> int:
        return -self.released

    def summary(self, currency: str | None) -> str:
        released = format_amount(self.released, currency)
        return f"hold of {self.transaction} expired, {released} released"

    def apply(self, account: Account) -> None:
        account.release(self.transaction, self.released)


ReleaseEvent = AuthorizationReversed | HoldExpired
