"""Derive the flags of an advice from the account's earlier events."""

from txplatform.domain.account_command import AccountCommand, FlaggedCommand
from txplatform.domain.commands.corrections import Original, correction_flags
from txplatform.domain.events import (
    AuthorizationReversed,
    ClearingCorrected,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.flags import Flag
from txplatform.domain.transaction import Transaction


def flags_of(
    event: AdviceEvent,
    advice: AccountCommand | None,
    transaction: Transaction,
    original: Original | None,
) -> tuple[Flag, ...]:
    """Return the flags that an event should have.

    Args:
        event: The event of an advice.
        advice: The advice; None if the event has none.
        transaction: Its transaction before the event, or for the correction of a posting without
            one, the earlier corrections of that posting.
        original: For a correction, the presentment that it takes back; None if that is missing.
    """
    flags: tuple[Flag, ...] = ()
    match event:
        case PurchaseCleared(clearing=clearing):
            flags = transaction.clearing_flags(clearing.amount)
        case PurchaseRefunded(refund=refund) if refund.transaction_id is not None:
            flags = transaction.refund_flags(refund.amount)
        case ClearingCorrected(correction=correction) if original is not None:
            flags = correction_flags(correction, original, transaction)
        case AuthorizationReversed(reversal=reversal):
            flags = transaction.reversal_flags(reversal.amount)
        case _:
            pass
    return flags + advice.flags if isinstance(advice, FlaggedCommand) else flags
