"""`settlement.presentment-received.v1`: the network clears a purchase, refunds, or takes back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never, get_args

import msgspec

from txplatform.consumers.topic import InboundTopic
from txplatform.contracts.messages import PresentedMerchant, PresentmentReceivedMessage
from txplatform.domain.advices import Clearing, Correction, Direction, Refund
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import Merchant

Presentment = Clearing | Correction | Refund


def _to_command(body: PresentmentReceivedMessage) -> Presentment:
    """Return a correction if the body names another presentment; a credit else is a refund."""
    transaction_id = None if body.transaction_id is None else TransactionId(body.transaction_id)
    shared: dict[str, Any] = {
        "account_id": AccountId(body.account_id),
        "transaction_id": transaction_id,
        "amount": body.amount,
        "currency": body.currency,
        "merchant": _merchant(body.merchant),
        "original_amount": body.original_amount,
        "original_currency": body.original_currency,
        "presented_at": body.presented_at,
    }
    if body.reverses_clearing_id is not None:
        return Correction(
            clearing_id=body.clearing_id,
            reverses_clearing_id=body.reverses_clearing_id,
            direction=body.direction,
            **shared,
        )
    match body.direction:
        case Direction.DEBIT:
            return Clearing(clearing_id=body.clearing_id, final=body.final, **shared)
        case Direction.CREDIT:
            return Refund(refund_id=body.clearing_id, **shared)
        case _:
            assert_never(body.direction)


def presentment_body(command: Presentment, recorded_at: datetime) -> dict[str, Any]:
    """Return the body that would ask for this command, which may have come over HTTP.

    Args:
        command: The command.
        recorded_at: Stands for the time of a presentment that gave none, UTC.
    """
    body = msgspec.structs.asdict(command)
    match command:
        case Clearing():
            occurred_at = body.pop("occurred_at")
            body |= {
                "direction": Direction.DEBIT,
                "presented_at": command.presented_at or occurred_at or recorded_at,
            }
        case Refund():
            body |= {
                "clearing_id": body.pop("refund_id"),
                "direction": Direction.CREDIT,
                "presented_at": command.presented_at or recorded_at,
            }
        case Correction():
            pass  # only the network's message asks for one: it has every field
        case _:
            assert_never(command)
    return body


def _merchant(merchant: PresentedMerchant | None) -> Merchant | None:
    if merchant is None:
        return None
    return Merchant(merchant.id, merchant.name, merchant.category_code, merchant.country)


PRESENTMENT_RECEIVED = InboundTopic(
    "settlement.presentment-received.v1",
    PresentmentReceivedMessage,
    get_args(Presentment),
    _to_command,
)
