"""Invariant I3: an equal copy of a command is a duplicate; an altered copy has no effect.

This holds for applied and for waiting commands.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import fields, replace

from harness.commands import (
    ACCOUNT,
    NOW,
    SHOP,
    limit_change,
    opening,
    payment,
    payment_return,
    purchase,
)
from harness.streams import Stream
from txplatform.domain.advices import (
    Clearing,
    Correction,
    Direction,
    Refund,
    Reversal,
    StatusChange,
)
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import ControlsChange, Increment, OperatorStatus
from txplatform.domain.status import AccountStatus, FreezeReason

T, U = TransactionId("t"), TransactionId("u")
LATER = NOW + timedelta(hours=1)
OTHER_SHOP = dataclasses.replace(SHOP, name="Corner Book")
LIMIT_50 = ({"rule": "amount_limit", "max_amount": 50},)
PRESENTED = {
    "transaction_id": None,
    "amount": 61,
    "currency": "EUR",
    "merchant": OTHER_SHOP,
    "original_amount": 8,
    "original_currency": "GBP",
    "presented_at": LATER,
}
"""Altered values for the fields of clearings, corrections and refunds."""


@dataclass(frozen=True)
class Kind:
    """A kind of command, with an example and its altered copies.

    Attributes:
        command: The command, with a value in every field.
        named_by: The field that identifies the command within the account; None if no field does.
        others: The value in an altered copy, for each of the other fields.
    """

    command: Any
    named_by: str | None
    others: dict[str, Any]


KINDS = {
    "purchase": Kind(
        replace(
            purchase(ACCOUNT, "t", 10), original_amount=9, original_currency="EUR", occurred_at=NOW
        ),
        "transaction_id",
        {
            "amount": 11,
            "currency": "EUR",
            "merchant": OTHER_SHOP,
            "original_amount": 8,
            "original_currency": "GBP",
            "occurred_at": LATER,
        },
    ),
    "opening": Kind(
        opening(ACCOUNT, 1000),
        None,
        {"currency": "EUR", "credit_limit": 999, "opened_at": LATER, "opening_balance": 1},
    ),
    "limit": Kind(
        limit_change(ACCOUNT, 1, 500),
        "limit_version",
        {"credit_limit": 501, "currency": "EUR", "effective_at": LATER},
    ),
    "the team's status": Kind(
        StatusChange(ACCOUNT, AccountStatus.FROZEN, 1, "lost", NOW, FreezeReason.LOST),
        "status_version",
        {
            "status": AccountStatus.ACTIVE,
            "reason": "found",
            "changed_at": LATER,
            "reason_code": FreezeReason.STOLEN,
        },
    ),
    "an operator's status": Kind(
        OperatorStatus("s", ACCOUNT, AccountStatus.FROZEN, "lost", FreezeReason.LOST),
        "status_id",
        {"status": AccountStatus.ACTIVE, "reason": "found", "reason_code": FreezeReason.STOLEN},
    ),
    "controls": Kind(
        ControlsChange("ctl", ACCOUNT, LIMIT_50, "asked for"),
        "controls_id",
        {"rules": (), "reason": "told to"},
    ),
    "payment": Kind(
        payment(ACCOUNT, "p", 10),
        "payment_id",
        {"amount": 11, "currency": "EUR", "submitted_at": LATER},
    ),
    "return": Kind(
        payment_return(ACCOUNT, "paid", 10),
        "payment_id",
        {"amount": 11, "currency": "EUR", "reason": "closed", "returned_at": LATER},
    ),
    "increment": Kind(
        Increment("i", T, ACCOUNT, 10),
        "increment_id",
        {"transaction_id": U, "amount": 11},
    ),
    "reversal": Kind(
        Reversal("r", T, ACCOUNT, 10),
        "reversal_id",
        {"transaction_id": U, "amount": None},
    ),
    "clearing": Kind(
        Clearing("c", ACCOUNT, T, 60, "USD", True, SHOP, 9, "EUR", NOW, NOW),
        "clearing_id",
        {**PRESENTED, "final": False, "occurred_at": LATER},
    ),
    "correction": Kind(
        Correction("x", ACCOUNT, T, "c", Direction.CREDIT, 60, "USD", SHOP, 9, "EUR", NOW),
        "clearing_id",
        {**PRESENTED, "reverses_clearing_id": "d", "direction": Direction.DEBIT},
    ),
    "refund": Kind(
        Refund("f", ACCOUNT, T, 60, "USD", SHOP, 9, "EUR", NOW),
        "refund_id",
        PRESENTED,
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_field_has_an_altered_value(kind: Kind) -> None:
    """Each new field needs an altered value in `KINDS`."""
    # A presented refund has another business key, so it is no copy.
    names = {field.name for field in fields(kind.command)} - {"presented"}
    assert names == {"account_id", kind.named_by or "account_id", *kind.others}
    assert all(getattr(kind.command, name) != other for name, other in kind.others.items())


@pytest.mark.parametrize("given_open", [True, False], ids=["open", "not open yet"])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        pytest.param(kind, field, id=f"{name}, {field}")
        for name, kind in KINDS.items()
        for field in kind.others
    ],
)
def test_i3_a_command_that_differs_in_one_field_is_rejected(
    kind: Kind, field: str, *, given_open: bool
) -> None:
    """An equal command is a duplicate. Neither copy appends an event."""
    stream = Stream()
    if given_open:
        stream.ask(opening(ACCOUNT, 1000))
        stream.ask(payment(ACCOUNT, "paid", 10))
    assert isinstance(stream.ask(kind.command), Outcome)
    before = len(stream.events)
    again = stream.ask(kind.command)
    assert isinstance(again, Outcome)
    assert again.status is OutcomeStatus.DUPLICATE
    refused = stream.ask(replace(kind.command, **{field: kind.others[field]}))
    assert isinstance(refused, CommandRejectedError)
    assert refused.reason in {"conflicting_copy", "transaction_id_reused"}
    assert len(stream.events) == before
