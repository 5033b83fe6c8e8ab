"""`settlement.presentment-received.v1`: clearings, refunds and corrections from the network."""

from typing import assert_never

from txplatform.contracts.messages import PresentmentReceivedMessage
from txplatform.domain.advices import Clearing, Correction, Direction, Refund

_CORRECTION_FIELDS = ("direction", "reverses_clearing_id")


def presentment_command(body: PresentmentReceivedMessage) -> Clearing | Correction | Refund:
    """Return a correction if the body refers to another presentment, else a clearing or refund."""
    if body.reverses_clearing_id is not None:
        return body.to_value(Correction, without=("final",))
    match body.direction:
        case Direction.DEBIT:
            return body.to_value(Clearing, without=_CORRECTION_FIELDS)
        case Direction.CREDIT:
            return body.to_value(
                Refund,
                without=(*_CORRECTION_FIELDS, "final", "clearing_id"),
                refund_id=body.clearing_id,
            )
        case _:
            assert_never(body.direction)
