"""A transaction, folded from its events: the state machine of an authorization.

    state         authorize  increment  clear         final         reverse   all       expire
    unknown       held       declined   unauthorized  unauthorized  reversed  reversed  -
    declined      -          declined   declined      declined      declined  declined  -
    held          -          held       held          cleared       held      reversed  expired
    cleared       -          declined   cleared       cleared       cleared   cleared   -
    reversed      -          declined   cleared       cleared       reversed  reversed  -
    expired       -          declined   cleared       cleared       expired   expired   -
    unauthorized  held       declined   unauthorized  unauthorized  unauth.   unauth.   -

Rows are states, columns are commands, and cells are the next states. `final` is a final clearing,
`all` is a full reversal, and `-` is a duplicate or a rejected command. Exceptions:

- A declined authorization leads to declined. A declined increment leaves the state as it is.
- A clearing or reversal of the whole hold ends the hold.
- After a clearing or partial reversal, a late authorization holds only the rest of its amount.

A clearing reports a completed purchase, so it always posts. Refunds and corrections keep the state.

In any order of arrival (docs/contracts.md): posted = clearings - their corrections; hold = 0 once
final, expired or fully reversed, else max(0, approved + increments - reversed - cleared).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self, assert_never

from txplatform.domain.advices import Correction, Direction
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
from txplatform.domain.money import MAX_BALANCE
from txplatform.domain.requests import Purchase


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
        gross_refunded: The sum of refunds before corrections.
        clearings: The ids of the clearings.
        refunds: The ids of the refunds.
    """

    claimed: bool = False
    authorized: bool = False
    declined: bool = False
    purchase: Purchase | None = None
    approved: int = 0
    reversed: int = 0
    cleared: int = 0
    gross_refunded: int = 0
    final: bool = False
    expired: bool = False
    reversed_wholly: bool = False
    clearings: list[str] = field(default_factory=list)
    refunds: list[str] = field(default_factory=list)
    corrections: dict[str, Correction] = field(default_factory=dict)

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Self:
        """Build a transaction from its events, given in ascending order of version."""
        transaction = cls()
        for event in events:
            transaction.take(event)
        return transaction

    @property
    def corrected(self) -> int:
        """The net amount by which corrections reduce the clearings."""
        return sum(
            correction.amount if correction.direction is Direction.CREDIT else -correction.amount
            for correction in self.corrections.values()
            if not self._corrects_refund(correction)
        )

    @property
    def refunded(self) -> int:
        """The sum of refunds, minus their corrections."""
        return self.gross_refunded - sum(
            correction.amount if correction.direction is Direction.DEBIT else -correction.amount
            for correction in self.corrections.values()
            if self._corrects_refund(correction)
        )

    @property
    def posted(self) -> int:
        """The sum of clearings, minus their corrections; refunds are not subtracted."""
        return self.cleared - self.corrected

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
            (TransactionState.REVERSED, self.reversed_wholly or self.reversed > 0),
            # An account verification: approved without a hold.
            (TransactionState.CLEARED, self.authorized),
        ):
            if condition:
                return state
        return TransactionState.UNKNOWN

    def clearing_flags(self, amount: int) -> tuple[Flag, ...]:
        """Return the flags that a new clearing of this amount would get."""
        flags = []
        if self.expired:
            flags.append(Flag.AFTER_EXPIRY)
        if self.reversed_wholly:
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

    def _corrects_refund(self, correction: Correction) -> bool:
        """Return whether a correction affects a refund, directly or through other corrections.

        If the corrected item is unknown, a debit is taken to correct a refund, a credit a clearing.
        """
        seen: set[str] = set()
        while correction.clearing_id not in seen:
            seen.add(correction.clearing_id)
            reversed_id = correction.reverses_clearing_id
            debit = correction.direction is Direction.DEBIT
            if reversed_id in (self.refunds if debit else self.clearings):
                return debit
            following = self.corrections.get(reversed_id)
            if following is None:
                wrong_way = reversed_id in (self.clearings if debit else self.refunds)
                return debit is not wrong_way
            correction = following
        return correction.direction is Direction.DEBIT

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
                    # Capped at the largest possible balance.
                    self.reversed = min(self.reversed + event.reversal.amount, MAX_BALANCE)
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
                self.clearings.append(event.clearing.clearing_id)
                self.final = self.final or event.clearing.final
            case ClearingCorrected():
                self.corrections[event.correction.clearing_id] = event.correction
            case PurchaseRefunded():
                self.gross_refunded += event.refund.amount
                self.refunds.append(event.refund.refund_id)
            case _:
                assert_never(event)
