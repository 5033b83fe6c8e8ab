"""`settlement.presentment-received.v1`: the network clears a purchase, refunds, or takes back."""

from __future__ import annotations

from typing import Any, assert_never

from txplatform.contracts.messages import PresentedMerchant, PresentmentReceivedMessage
from txplatform.domain.advices import Clearing, Correction, Direction, Refund
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import Merchant


def presentment_command(body: PresentmentReceivedMessage) -> Clearing | Correction | Refund:
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


def _merchant(merchant: PresentedMerchant | None) -> Merchant | None:
    if merchant is None:
        return None
    return Merchant(merchant.id, merchant.name, merchant.category_code, merchant.country)
