"""Invariant I3: a copy of a command is a duplicate; a command with another effect has none.

This holds for applied and for waiting commands. Describing fields are not compared.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations
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
PRESENTED = {"transaction_id": None, "amount": 61, "currency": "EUR"}
"""Altered values for the compared fields of clearings, corrections and refunds."""

SENT = {"reference": "order-78", "metadata": {"a": "c"}}
DESCRIBED = {
    "merchant": OTHER_SHOP,
    "original_amount": 8,
    "original_currency": "GBP",
    "occurred_at": LATER,
    "presented_at": LATER,
    **SENT,
}
"""Altered values for the describing fields of clearings, corrections and refunds."""


@dataclass(frozen=True)
class Kind:
    """A kind of command, with an example and its altered copies.

    Attributes:
        command: The command, with a value in every field.
        named_by: The field that identifies the command within the account; None if no field does.
        compared: The value in an altered copy, for each field that has to be equal in a copy.
        describing: The same for each field that may differ in a copy.
    """

    command: Any
    named_by: str | None
    compared: dict[str, Any]
    describing: dict[str, Any]


DESCRIPTION: dict[str, Any] = {
    "merchant": SHOP,
    "original_amount": 9,
    "original_currency": "EUR",
    "occurred_at": NOW,
    "presented_at": NOW,
    "reference": "order-77",
    "metadata": {"a": "b"},
}
KINDS = {
    "purchase": Kind(
        replace(
            purchase(ACCOUNT, "t", 10),
            original_amount=9,
            original_currency="EUR",
            occurred_at=NOW,
            reference="order-77",
            metadata={"a": "b"},
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
        SENT,
    ),
    "opening": Kind(
        opening(ACCOUNT, 1000),
        None,
        {"currency": "EUR", "credit_limit": 999, "opening_balance": 1},
        {"opened_at": LATER},
    ),
    "limit": Kind(
        limit_change(ACCOUNT, 1, 500),
        "limit_version",
        {"credit_limit": 501, "currency": "EUR"},
        {"effective_at": LATER},
    ),
    "the team's status": Kind(
        StatusChange(ACCOUNT, AccountStatus.FROZEN, 1, "lost", NOW, FreezeReason.LOST),
        "status_version",
        {"status": AccountStatus.ACTIVE},
        {"reason": "found", "changed_at": LATER, "reason_code": FreezeReason.STOLEN},
    ),
    "an operator's status": Kind(
        OperatorStatus("s", ACCOUNT, AccountStatus.FROZEN, "lost", FreezeReason.LOST),
        "status_id",
        {"status": AccountStatus.ACTIVE, "reason": "found", "reason_code": FreezeReason.STOLEN},
        {},
    ),
    "controls": Kind(
        ControlsChange("ctl", ACCOUNT, LIMIT_50, "asked for"),
        "controls_id",
        {"rules": (), "reason": "told to"},
        {},
    ),
    "payment": Kind(
        replace(
            payment(ACCOUNT, "p", 10),
            original_amount=9,
            original_currency="EUR",
            reference="E2E-1",
            metadata={"a": "b"},
        ),
        "payment_id",
        {"amount": 11, "currency": "EUR"},
        {"submitted_at": LATER, "original_amount": 8, "original_currency": "GBP", **SENT},
    ),
    "return": Kind(
        payment_return(ACCOUNT, "paid", 10),
        "payment_id",
        {"amount": 11, "currency": "EUR"},
        {"reason": "closed", "returned_at": LATER},
    ),
    "increment": Kind(
        Increment("i", T, ACCOUNT, 10),
        "increment_id",
        {"transaction_id": U, "amount": 11},
        {},
    ),
    "reversal": Kind(
        Reversal("r", T, ACCOUNT, 10, NOW, "order-77", {"a": "b"}),
        "reversal_id",
        {"transaction_id": U, "amount": None},
        {"occurred_at": LATER, **SENT},
    ),
    "clearing": Kind(
        Clearing("c", ACCOUNT, T, 60, "USD", True, **DESCRIPTION),
        "clearing_id",
        {**PRESENTED, "final": False},
        DESCRIBED,
    ),
    "correction": Kind(
        Correction("x", ACCOUNT, T, "c", Direction.CREDIT, 60, "USD", **DESCRIPTION),
        "clearing_id",
        {
            **PRESENTED,
            "reverses_clearing_id": "d",
            "direction": Direction.DEBIT,
            "final": False,
        },
        DESCRIBED,
    ),
    "refund": Kind(
        Refund("f", ACCOUNT, T, 60, "USD", **DESCRIPTION),
        "refund_id",
        {**PRESENTED, "final": False},
        DESCRIBED,
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_field_has_an_altered_value(kind: Kind) -> None:
    """Each new field needs an altered value in `KINDS`."""
    # A presented refund has another business key, so it is no copy. Flags are never compared.
    names = {field.name for field in fields(kind.command)} - {"presented", "flags"}
    others = {**kind.compared, **kind.describing}
    assert names == {"account_id", kind.named_by or "account_id", *others}
    assert all(getattr(kind.command, name) not in (None, other) for name, other in others.items())


def stream_with(kind: Kind, *, opened: bool) -> Stream:
    """Return a stream, of an opened account or not, that has the command of a kind."""
    stream = Stream()
    if opened:
        stream.ask(opening(ACCOUNT, 1000))
        stream.ask(payment(ACCOUNT, "paid", 10))
    assert isinstance(stream.ask(kind.command), Outcome)
    return stream


@pytest.mark.parametrize("opened", [True, False], ids=["open", "not open yet"])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        pytest.param(kind, field, id=f"{name}, {field}")
        for name, kind in KINDS.items()
        for field in kind.compared
    ],
)
def test_i3_a_command_that_differs_in_one_compared_field_is_rejected(
    kind: Kind, field: str, *, opened: bool
) -> None:
    """An equal command is a duplicate. Neither copy appends an event; the rejection says why."""
    stream = stream_with(kind, opened=opened)
    before = len(stream.events)
    again = stream.ask(kind.command)
    assert isinstance(again, Outcome)
    assert (again.status, again.differing_fields) == (OutcomeStatus.DUPLICATE, ())
    refused = stream.ask(replace(kind.command, **{field: kind.compared[field]}))
    assert isinstance(refused, CommandRejectedError)
    assert refused.reason in {"conflicting_copy", "transaction_id_reused"}
    assert refused.fields == (named(field),)
    assert named(field) in refused.detail
    assert len(stream.events) == before


@pytest.mark.parametrize("opened", [True, False], ids=["open", "not open yet"])
@pytest.mark.parametrize("other", ["altered", "absent"])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        pytest.param(kind, field, id=f"{name}, {field}")
        for name, kind in KINDS.items()
        for field in kind.describing
    ],
)
def test_i3_a_command_that_differs_in_a_describing_field_is_a_duplicate_that_names_it(
    kind: Kind, field: str, other: str, *, opened: bool
) -> None:
    stream = stream_with(kind, opened=opened)
    before = len(stream.events)
    value = kind.describing[field] if other == "altered" else None
    again = stream.ask(replace(kind.command, **{field: value}))
    assert isinstance(again, Outcome)
    assert again.status is OutcomeStatus.DUPLICATE
    assert again.differing_fields == (named(field) if other == "altered" else field,)
    assert len(stream.events) == before


def named(field: str) -> str:
    """Return the name of the difference between a field and its altered value."""
    return "merchant.name" if field == "merchant" else field


def test_i3_presentments_of_other_kinds_under_one_id_differ_in_direction_or_original() -> None:
    kinds = [
        Clearing("c", ACCOUNT, T, 60, "USD"),
        Refund("c", ACCOUNT, T, 60, "USD", presented=True),
        Correction("c", ACCOUNT, T, "d", Direction.DEBIT, 60, "USD"),
        Correction("c", ACCOUNT, T, "d", Direction.CREDIT, 60, "USD"),
    ]
    for one, other in permutations(kinds, 2):
        assert one.key == other.key
        compared, _ = one.differences(other)
        assert compared
        assert {*compared} <= {"direction", "reverses_clearing_id"}
