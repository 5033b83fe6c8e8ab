"""What cardholders are told, in the decimals of the currency."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from harness.outbound import BALANCE, BOOKSHOP, decisioned, payment_applied, payment_returned
from txbank.notifications.texts import is_told, write_text
from txplatform_client.kafka import (
    AuthorizationIncremented,
    HoldExpired,
    Message,
    OpeningApplied,
    TransactionCleared,
    TransactionRefunded,
    TransactionReversed,
)

AVAILABLE = "Your available credit is 4,876.55 EUR."
COMMON: dict[str, Any] = {
    "account_id": "acc",
    "balance": BALANCE,
    "account_version": 2,
    "event_id": "e",
    "recorded_at": datetime(2026, 11, 20, tzinfo=UTC),
}
POSTED: dict[str, Any] = {
    **COMMON,
    "currency": "EUR",
    "amount": 1_250,
    "posted_change": 1_250,
    "transaction_id": None,
    "flags": [],
    "merchant": BOOKSHOP,
    "original_amount": None,
    "original_currency": None,
    "occurred_at": None,
    "presented_at": None,
    "reference": None,
    "metadata": None,
}


def cleared(**other: Any) -> TransactionCleared:
    """Return the message that a clearing of an unknown purchase was posted."""
    fields = {
        "clearing_id": "c",
        "direction": "debit",
        "reverses_clearing_id": None,
        "final": True,
        "released": 0,
    }
    return TransactionCleared(**{**POSTED, **fields, **other})


def reversed_(released: int) -> TransactionReversed:
    """Return the message that a merchant released a part of a hold."""
    return TransactionReversed(
        **COMMON,
        reversal_id="r",
        transaction_id="t",
        amount=None,
        released=released,
        flags=[],
        occurred_at=None,
        reference=None,
        metadata=None,
    )


def incremented(decision: Any) -> AuthorizationIncremented:
    """Return the message of the decision on an increment."""
    purchase = decisioned("acc", declined="The card is frozen.")
    fields = {**COMMON, "decided_at": purchase.decided_at}
    fields.pop("recorded_at")
    return AuthorizationIncremented(
        **fields,
        increment_id="i",
        transaction_id="t",
        decision=decision,
        response_code="00",
        reasons=purchase.reasons,
        amount=1_250,
        ruleset="r",
        expires_at=None,
        held=0,
    )


@pytest.mark.parametrize(
    ("message", "sentences"),
    [
        (
            decisioned("acc"),
            ("Your purchase of 12.50 EUR at Corner Books was approved.", AVAILABLE),
        ),
        (
            decisioned("acc", declined="The card is frozen."),
            ("Your purchase of 12.50 EUR at Corner Books was declined.", "The card is frozen."),
        ),
        (
            decisioned("acc", declined="The currency differs.", currency="JPY", balance=None),
            ("Your purchase of 1,250 JPY at Corner Books was declined.", "The currency differs."),
        ),
        (
            incremented("approved"),
            ("Another 12.50 EUR was reserved for your purchase.", AVAILABLE),
        ),
        (
            incremented("declined"),
            ("Another 12.50 EUR for your purchase was declined.", "The card is frozen."),
        ),
        (cleared(), ("12.50 EUR was charged to your card by Corner Books.", AVAILABLE)),
        (
            cleared(transaction_id="t", released=1_249),  # above its hold, or never authorized
            ("12.50 EUR was charged to your card by Corner Books.", AVAILABLE),
        ),
        (cleared(merchant=None), ("12.50 EUR was charged to your card by a merchant.", AVAILABLE)),
        (
            cleared(transaction_id="t", reverses_clearing_id="c-0", amount=-1_250),
            ("A charge of 12.50 EUR was taken back by Corner Books.", AVAILABLE),
        ),
        (
            cleared(reverses_clearing_id="c-0"),
            ("A refund of 12.50 EUR was taken back by Corner Books.", AVAILABLE),
        ),
        (
            reversed_(1_250),
            ("12.50 EUR of your purchase was released by the merchant.", AVAILABLE),
        ),
        (
            TransactionRefunded(**POSTED, refund_id="r"),
            ("12.50 EUR was refunded to you by Corner Books.", AVAILABLE),
        ),
        (
            HoldExpired(**COMMON, transaction_id="t", released=1_250),
            ("12.50 EUR is no longer reserved for your purchase.", AVAILABLE),
        ),
        (
            OpeningApplied(
                **COMMON,
                currency="EUR",
                credit_limit=500_000,
                posted_change=0,
                flags=[],
                opened_at=None,
            ),
            ("Your account is open, with a credit limit of 5,000.00 EUR.",),
        ),
        (payment_applied("acc"), ("Your payment of 50.00 EUR has arrived. Thank you.", AVAILABLE)),
        (
            payment_returned("acc", "AC04 account closed"),
            (
                "Your payment of 50.00 EUR was returned by your bank: AC04 account closed.",
                "You owe 123.45 EUR.",
            ),
        ),
        (
            payment_returned("acc", None),
            ("Your payment of 50.00 EUR was returned by your bank.", "You owe 123.45 EUR."),
        ),
    ],
)
def test_a_cardholder_is_told_what_happened_with_the_money(
    message: Message, sentences: tuple[str, ...]
) -> None:
    assert is_told(message)
    assert write_text(message, "EUR").sentences == sentences


@pytest.mark.parametrize(
    "message",
    [
        decisioned("acc", amount=0),
        cleared(transaction_id="t", released=1_250),
        cleared(transaction_id="t", released=2_000),
        reversed_(0),
    ],
)
def test_a_cardholder_is_not_told_what_is_no_news(message: Message) -> None:
    assert not is_told(message)
