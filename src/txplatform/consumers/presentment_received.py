"""`settlement.presentment-received.v1`: the network clears a purchase, refunds, or takes back."""

from __future__ import annotations

from typing import Any

from txplatform.consumers.topic import InboundTopic
from txplatform.contracts.messages import PresentedMerchant, PresentmentReceivedMessage
from txplatform.domain.advices import Clearing, Correction, Direction, Refund
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import Merchant


def _to_command(body: PresentmentReceivedMessage) -> Command:
    """A credit is a refund, under its clearing id; what names another presentment corrects it."""
    transaction_id = None if body.transaction_id is None else TransactionId(body.transaction_id)
    said: dict[str, Any] = {
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
            **said,
        )
    match body.direction:
        case Direction.DEBIT:
            return Clearing(clearing_id=body.clearing_id, final=body.final, **said)
        case Direction.CREDIT:
            return Refund(refund_id=body.clearing_id, **said)


def _merchant(merchant: PresentedMerchant | None) -> Merchant | None:
    if merchant is None:
        return None
    return Merchant(merchant.id, merchant.name, merchant.category_code, merchant.country)


PRESENTMENT_RECEIVED = InboundTopic(PresentmentReceivedMessage, _to_command)
