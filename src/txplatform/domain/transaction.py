"""A transaction, folded from its events: the state machine of an authorization.

    state         authorize  increment  clear     final     zero      reverse   all       expire
    unknown       held       declined   unauth.   unauth.   reversed  reversed  reversed  -
    declined      -          declined   declined  declined  declined  declined  declined  -
    held          -          held       held      cleared   reversed  held      reversed  expired
    cleared       -          declined   cleared   cleared   cleared   cleared   cleared   -
    reversed      -          declined   cleared   cleared   reversed  reversed  reversed  -
    expired       -          declined   cleared   cleared   expired   expired   expired   -
    unauthorized  held       declined   unauth.   unauth.   unauth.   unauth.   unauth.   -

Rows are states, columns are commands, and cells are the next states. `final` is a final clearing,
`zero` is a final clearing of amount 0, which ends a hold without a posting, `all` is a full
reversal, and `-` is a duplicate or a rejected command. Exceptions:

- A declined authorization leads to declined. A declined increment leaves the state as it is.
- A clearing or reversal of the whole hold ends the hold. If anything was cleared, the state is then
  cleared.
- After a clearing or partial reversal, a late authorization holds only the rest of its amount.
- An increment is declined once the hold's expiry time has passed, even if the hold is still there.

A clearing reports a completed purchase, so it always posts. Refunds and corrections keep the state.

In any order of arrival (docs/contracts.md): posted = clearings - their corrections; hold = 0 once
final, expired or fully reversed, else max(0, approved + increments - reversed - cleared).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self, assert_never

from txplatform.domain.advices import Correction
from txplatform.domain.events import (
    AccountLevelEvent,
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    Event,
    HoldExpired,
    IncrementDeclined,
    PurchaseCleared,
    PurchaseRefunded,
    SettlementEvent,
    TransactionStarted,
)
from txplatform.domain.flags import Flag
from txplatform.domain.requests import Purchase

MAX_REVERSED = 2**63 - 1
"""The largest sum of reversals, far above any hold, so that responses can have it."""


class TransactionState(StrEnum):
    """The states of a transaction."""

    UNKNOWN = "unknown"
    DECLINED = "declined"
    HELD = "held"
    CLEARED = "cleared"
    REVERSED = "reversed"
    EXPIRED = "expired"
    UNAUTHORIZED = "unauthorized"


@dataclass(slots=True)
class Transaction:
    """The state of one transaction; amounts in minor units.

    Attributes:
        claimed: True if any event has used the authorization's business key.
        purchase: The approved purchase; None if none was approved.
        approved: The authorized amount including increments; 0 if no purchase was approved.
        reversed: The sum of partial reversals.
        cleared: The sum of clearings before corrections.
        corrected: The part of `cleared` that corrections took back.
        refunded: The sum of refunds, less the part that corrections took back.
        final: True if a final clearing was posted.
        corrections: The corrections of the transaction's clearings and refunds, by id.
    """

    claimed: bool = False
    authorized: bool = False
    declined: bool = False
    purchase: Purchase | None = None
    approved: int = 0
    reversed: int = 0
    cleared: int = 0
    corrected: int = 0
    refunded: int = 0
    final: bool = False
    expired: bool = False
    reversed_wholly: bool = False
    corrections: dict[str, Correction] = field(default_factory=dict)
    _taken_back: dict[str, int] = field(default_factory=dict)

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Self:
        """Build a transaction from its events, given in ascending order of version."""
        transaction = cls()
        for event in events:
            transaction.take(event)
        return transaction

    @property
    def posted(self) -> int:
        """The sum of clearings, minus their corrections; refunds are not subtracted."""
        return self.cleared - self.corrected

    @property
    def authorized_amount(self) -> int:
        """The approved amount that was not reversed."""
        return max(0, self.approved - self.reversed)

    @property
    def hold(self) -> int:
        """The amount on hold."""
        return self.hold_of(self.approved)

    def hold_of(self, approved: int) -> int:
        """Return the amount that would be on hold if `approved` were the authorized amount."""
        if self.final or self.expired or self.reversed_wholly:
            return 0
        return max(0, approved - self.reversed - self.cleared)

    @property
    def state(self) -> TransactionState:
        """The current state."""
        for state, condition in (
            (TransactionState.DECLINED, self.declined),
            (TransactionState.HELD, self.hold > 0),
            (TransactionState.UNAUTHORIZED, self.cleared > 0 and not self.authorized),
            (TransactionState.CLEARED, self.cleared > 0),
            (TransactionState.EXPIRED, self.expired),
            # Final without an amount cleared: the merchant gave the purchase up.
            (TransactionState.REVERSED, self.reversed_wholly or self.reversed > 0 or self.final),
            # An account verification: approved without a hold.
            (TransactionState.CLEARED, self.authorized),
        ):
            if condition:
                return state
        return TransactionState.UNKNOWN

    def taken_back(self, clearing_id: str) -> int:
        """Return the amount by which corrections have reduced a presentment, in minor units."""
        return self._taken_back.get(clearing_id, 0)

    def clearing_flags(self, amount: int) -> tuple[Flag, ...]:
        """Return the flags that a new clearing of this amount would get."""
        flags = []
        if self.expired:
            flags.append(Flag.AFTER_EXPIRY)
        if self.reversed_wholly or 0 < self.approved <= self.reversed:
            flags.append(Flag.AFTER_REVERSAL)
        if self.final:
            flags.append(Flag.AFTER_FINAL)
        if not self.authorized:
            flags.append(Flag.NO_AUTHORIZATION)
        elif not flags and amount > self.hold:
            flags.append(Flag.OVER_HOLD)
        return tuple(flags)

    def refund_flags(self, amount: int) -> tuple[Flag, ...]:
        """Return the flags that a new refund of this amount would get."""
        return (Flag.OVER_PURCHASE,) if self.refunded + amount > self.posted else ()

    def reversal_flags(self, amount: int | None) -> tuple[Flag, ...]:
        """Return the flag of a new reversal of this amount, or of the whole if None.

        It has a flag only if the hold is smaller.
        """
        if self.hold and (amount is None or amount <= self.hold):
            return ()
        for flag, condition in (
            (Flag.DECLINED, self.declined),
            (Flag.NO_AUTHORIZATION, not self.authorized),
            (Flag.AFTER_EXPIRY, self.expired),
            (Flag.AFTER_REVERSAL, self.reversed_wholly or self.reversed > 0),
            (Flag.AFTER_CLEARING, self.cleared > 0 or self.final),
            (Flag.OVER_HOLD, amount is not None),
        ):
            if condition:
                return (flag,)
        return ()  # the full reversal of an account verification, which never held anything

    def take(self, event: Event) -> None:  # noqa: C901  # one case for each kind of event
        """Apply one event; account-level events are ignored."""
        match event:
            case AuthorizationApproved():
                self.claimed = self.authorized = True
                self.purchase = event.purchase
                self.approved += event.purchase.amount
            case AuthorizationDeclined():
                self.claimed = self.declined = True
            case TransactionStarted():
                self.claimed = True
            case AuthorizationIncremented():
                self.approved += event.increment.amount
            case AuthorizationReversed():
                if event.reversal.amount is None:
                    self.reversed_wholly = True
                else:
                    self.reversed = min(self.reversed + event.reversal.amount, MAX_REVERSED)
            case HoldExpired():
                self.expired = True
            case PurchaseCleared() | ClearingCorrected() | PurchaseRefunded():
                self._settle(event)
            case IncrementDeclined():
                pass  # the hold stays as it is
            case _:
                if not isinstance(event, AccountLevelEvent):
                    assert_never(event)

    def _settle(self, event: SettlementEvent) -> None:
        match event:
            case PurchaseCleared():
                self.cleared += event.clearing.amount
                self.final = self.final or event.clearing.final
            case ClearingCorrected():
                self._correct(event)
            case PurchaseRefunded():
                self.refunded += event.refund.amount
            case _:
                assert_never(event)

    def _correct(self, event: ClearingCorrected) -> None:
        correction = event.correction
        if event.of_refund:
            self.refunded -= correction.posted_change
        else:
            self.corrected -= correction.posted_change
        # A correction of a correction restores what that one took back, and so on.
        self.corrections[correction.clearing_id] = correction
        step, change = correction, correction.amount
        while True:
            original = step.reverses_clearing_id
            self._taken_back[original] = self.taken_back(original) + change
            if original not in self.corrections:
                break
            step, change = self.corrections[original], -change
