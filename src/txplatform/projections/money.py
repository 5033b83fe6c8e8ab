"""Compute how an event changes an account's balance, for the read models.

This arithmetic, the account and `audit/totals.py` share no code, so `txplatform verify` finds a
mistake in any one of them (invariants I1 and I2).
"""

from typing import NamedTuple, assert_never

from txplatform.domain.advices import Direction
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    Event,
    HoldExpired,
    MoneyEvent,
    PaymentReceived,
    PaymentReturned,
    PurchaseCleared,
    PurchaseRefunded,
)


class MoneyChange(NamedTuple):
    """The change in an account's posted and pending amounts, in minor units."""

    posted: int = 0
    pending: int = 0


def money_change(event: Event) -> MoneyChange:  # noqa: PLR0911  # one a kind of event
    """Return the change caused by an event; zero if the event moves no money."""
    if not isinstance(event, MoneyEvent):
        return MoneyChange()
    match event:
        case AuthorizationApproved(purchase=purchase, hold=hold):
            return MoneyChange(pending=purchase.amount if hold is None else hold)
        case AuthorizationIncremented(increment=increment):
            return MoneyChange(pending=increment.amount)
        case AuthorizationReversed(released=released) | HoldExpired(released=released):
            return MoneyChange(pending=-released)
        case PurchaseCleared(clearing=clearing, released=released):
            return MoneyChange(posted=clearing.amount, pending=-released)
        case ClearingCorrected(correction=correction):
            owed = correction.direction is Direction.DEBIT
            return MoneyChange(posted=correction.amount if owed else -correction.amount)
        case PurchaseRefunded(refund=refund):
            return MoneyChange(posted=-refund.amount)
        case PaymentReceived(payment=payment):
            return MoneyChange(posted=-payment.amount)
        case PaymentReturned(payment_return=payment_return):
            return MoneyChange(posted=payment_return.amount)
        case _:
            assert_never(event)
