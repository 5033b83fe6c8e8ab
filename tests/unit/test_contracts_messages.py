"""Valid and invalid values in the bodies of inbound messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from txplatform.contracts.messages import (
    CreditLimitChangedMessage,
    PaymentSubmittedMessage,
)
from txplatform.domain.advices import Payment
from txplatform.domain.ids import AccountId, PaymentId

PAYMENT: dict[str, Any] = {
    "payment_id": "p-1",
    "account_id": "acc-1",
    "amount": 100,
    "currency": "USD",
    "submitted_at": "2026-11-20T10:15:00Z",
}
LIMIT: dict[str, Any] = {
    "account_id": "acc-1",
    "credit_limit": 0,
    "currency": "USD",
    "limit_version": 1,
    "effective_at": "2026-11-20T10:15:00Z",
}


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0},
        {"amount": 1},
        {"amount": 999_999_999_999_999},
        {"payment_id": "A.z_0:9-"},
        {"payment_id": "x" * 64},
        {"payment_id": "4111111111111112"},
        {"payment_id": "411111111111"},
        {"payment_id": "4111111111111111"},
        {"payment_id": "4111-1111-1111-1111"},
        {"payment_id": "2026/11/INV 0042"},
        {"payment_id": "ISO+20022: (a, b) 'c'?"},
        {"payment_id": "é"},
        {"payment_id": " a "},
        {"account_id": "378282246310005"},
        {"account_id": "..."},
        {"submitted_at": None},
        {"submitted_at": "2026-11-20"},
        {"submitted_at": "yesterday"},
        {"submitted_at": 1_795_000_000},
        {"currency": "JPY"},
        {"currency": "EUR "},
        {"currency": "\tUSD\n"},
        {"added_later": {"by": "the producer"}},
    ],
)
def test_a_payment_with_a_valid_or_unknown_member_is_accepted(change: dict[str, Any]) -> None:
    """Valid values include the bounds of their ranges. Unknown members are ignored.

    A time only describes the payment, so it may have any value.
    """
    assert PaymentSubmittedMessage.model_validate({**PAYMENT, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"amount": -1},
        {"amount": 1_000_000_000_000_000},
        {"amount": 1.0},
        {"amount": "1"},
        {"amount": True},
        {"amount": None},
        {"payment_id": ""},
        {"payment_id": "x" * 65},
        {"payment_id": "a\n"},
        {"payment_id": "  "},
        {"payment_id": "a\u200bb"},
        {"payment_id": 1},
        {"account_id": "a/b"},
        {"account_id": "."},
        {"account_id": ".."},
        {"account_id": "é"},
        {"currency": "usd"},
        {"currency": "XXX"},
        {"currency": "US"},
    ],
)
def test_a_payment_with_an_invalid_member_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PaymentSubmittedMessage.model_validate({**PAYMENT, **change})


@pytest.mark.parametrize("name", sorted(PAYMENT.keys() - {"submitted_at"}))
def test_every_checked_member_of_a_payment_is_required(name: str) -> None:
    with pytest.raises(ValidationError):
        PaymentSubmittedMessage.model_validate(
            {other: value for other, value in PAYMENT.items() if other != name}
        )


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-11-20T10:15:00Z", datetime(2026, 11, 20, 10, 15, tzinfo=UTC)),
        ("2026-11-20t10:15:00z", datetime(2026, 11, 20, 10, 15, tzinfo=UTC)),
        ("2026-11-20T10:15:00+00:00", datetime(2026, 11, 20, 10, 15, tzinfo=UTC)),
        ("2026-11-20T11:15:00+01:00", datetime(2026, 11, 20, 10, 15, tzinfo=UTC)),
        ("2026-11-20T10:15:00.5Z", datetime(2026, 11, 20, 10, 15, 0, 500_000, tzinfo=UTC)),
        ("2026-11-20T10:15:00.123456789Z", datetime(2026, 11, 20, 10, 15, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_a_time_is_normalised_to_utc(given: str, meant: datetime) -> None:
    message = PaymentSubmittedMessage.model_validate({**PAYMENT, "submitted_at": given})
    assert message.submitted_at == meant
    assert meant.tzinfo is UTC


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", 2**63])
def test_a_limit_version_begins_at_1(version: object) -> None:
    """Version 0 is the limit from the opening of the account."""
    assert CreditLimitChangedMessage.model_validate(LIMIT)
    with pytest.raises(ValidationError):
        CreditLimitChangedMessage.model_validate({**LIMIT, "limit_version": version})


def test_a_command_takes_the_fields_of_its_body() -> None:
    assert PaymentSubmittedMessage.model_validate(PAYMENT).to_command() == Payment(
        payment_id=PaymentId("p-1"),
        account_id=AccountId("acc-1"),
        amount=100,
        currency="USD",
        submitted_at=datetime(2026, 11, 20, 10, 15, tzinfo=UTC),
    )
