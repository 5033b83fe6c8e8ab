"""`settlement.presentment-received.v1`: the network clears a purchase, refunds, or takes back."""

from __future__ import annotations

from typing import assert_never

from txplatform.contracts.messages import PresentmentReceivedMessage
from txplatform.domain.advices import Clearing, Correction, Direction, Refund

_OF_CORRECTIONS = ("direction", "reverses_clearing_id")


def presentment_command(body: PresentmentReceivedMessage) -> Clearing | Correction | Refund:
    """Return a correction if the body names another presentment; a credit else is a refund."""
    if body.reverses_clearing_id is not None:
        return body.to_value(Correction, without=("final",))
    match body.direction:
        case Direction.DEBIT:
            return body.to_value(Clearing, without=_OF_CORRECTIONS)
        case Direction.CREDIT:
            return body.to_value(
                Refund,
                without=(*_OF_CORRECTIONS, "final", "clearing_id"),
                refund_id=body.clearing_id,
            )
        case _:
            assert_never(body.direction)
