"""Messages of the platform, as other teams read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer

from harness.bank import Bank
from txplatform_client.fields import Balance, Merchant, Reason
from txplatform_client.kafka import (
    Message,
    PaymentApplied,
    PaymentReturnApplied,
    TransactionDecisioned,
    build,
)

BALANCE = Balance(credit_limit=500_000, posted=12_345, pending=0, available=487_655)
BOOKSHOP = Merchant(name="Corner Books", id="m-17", category_code="5942", country="USA")


def _common(account_id: str) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "currency": "EUR",
        "balance": BALANCE,
        "account_version": 2,
        "event_id": str(uuid4()),
    }


def payment_applied(account_id: str, amount: int = 5_000, **other: Any) -> PaymentApplied:
    """Return the message that a payment of 50.00 EUR was posted."""
    fields = {
        **_common(account_id),
        "payment_id": "p-1",
        "amount": amount,
        "posted_change": -amount,
        "flags": [],
        "original_amount": None,
        "original_currency": None,
        "submitted_at": None,
        "reference": None,
        "metadata": None,
        "recorded_at": datetime.now(UTC),
    }
    return PaymentApplied(**{**fields, **other})


def payment_returned(account_id: str, reason: str | None) -> PaymentReturnApplied:
    """Return the message that the bank returned a payment of 50.00 EUR."""
    return PaymentReturnApplied(
        **_common(account_id),
        payment_id="p-1",
        amount=5_000,
        posted_change=5_000,
        reason=reason,
        flags=[],
        returned_at=None,
        recorded_at=datetime.now(UTC),
    )


def decisioned(account_id: str, *, declined: str = "", **other: Any) -> TransactionDecisioned:
    """Return the message of the decision on a purchase, declined if a reason is given."""
    fields = {
        **_common(account_id),
        "transaction_id": "t-1",
        "decision": "declined" if declined else "approved",
        "response_code": "51" if declined else "00",
        "authorization_code": None if declined else "123456",
        "reasons": [Reason("rule", "51", declined)] if declined else [],
        "amount": 1_250,
        "ruleset": "r-1",
        "decided_at": datetime.now(UTC),
        "merchant": BOOKSHOP,
        "occurred_at": None,
        "reference": None,
        "metadata": None,
        "held": 0 if declined else 1_250,
    }
    return TransactionDecisioned(**{**fields, **other})


def tell(bank: Bank, *messages: Message, copies: int = 1) -> None:
    """Publish messages as the platform does."""
    producer = Producer({"bootstrap.servers": bank.env["TXBANK_KAFKA_BOOTSTRAP_SERVERS"]})
    for message in messages:
        event_id = message.event_id  # type: ignore[attr-defined]  # all of the platform have one
        record = build(message, source="/txplatform", event_id=event_id)
        for _ in range(copies):
            producer.produce(**record._asdict())
    assert producer.flush(30) == 0
