"""Describing fields never change what an advice does to money and status, whatever they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.commands import ACCOUNT, opening, payment, purchase
from harness.descriptions import FLAWED, repeated, written
from harness.inbound import (
    LIMIT_CHANGED,
    OPENED,
    PRESENTED,
    RETURNED,
    STATUS_CHANGED,
    SUBMITTED,
    limit_changed,
    opened,
    presentment,
    returned,
    status_changed,
)
from harness.inbound import payment as submitted
from harness.streams import Stream
from txplatform.contracts.card_numbers import holds_card_number
from txplatform.contracts.clearing_batch import ClearingItem
from txplatform.contracts.holds import ReversalRequest
from txplatform.contracts.json import parse_lenient_json
from txplatform.contracts.messages import INBOUND
from txplatform.contracts.settlement import ClearingRequest, RefundRequest
from txplatform.domain.advices import Refund, Reversal
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.flags import Flag
from txplatform.domain.ids import TransactionId

T = TransactionId("tx")
MERCHANT = ("merchant", "original_amount", "original_currency", "occurred_at")
SENT = ("reference", "metadata")


@dataclass(frozen=True)
class Advice:
    """A kind of advice.

    Attributes:
        command: Reads a body as the command of this advice.
        checked: A body with the checked fields only.
        describing: The names of the describing fields.
    """

    command: Callable[[Any], Command]
    checked: dict[str, Any]
    describing: tuple[str, ...]


def message(topic: str, body: dict[str, Any], *describing: str) -> Advice:
    """Return the advice of a message, without the describing fields of its body."""
    return Advice(
        lambda sent: INBOUND[topic].model_validate(sent).to_command(),
        {name: value for name, value in body.items() if name not in describing},
        describing,
    )


CLEARING = {"clearing_id": "c", "amount": 5, "currency": "USD"}
PATH = {"account_id": ACCOUNT, "transaction_id": T}
ADVICES = {
    "opening": message(OPENED, opened(ACCOUNT), "opened_at"),
    "limit": message(LIMIT_CHANGED, limit_changed(ACCOUNT, 1, 7), "effective_at"),
    "status": message(
        STATUS_CHANGED, status_changed("frozen", 1), "reason_code", "reason", "changed_at"
    ),
    "payment": message(
        SUBMITTED,
        submitted("p", ACCOUNT, 5),
        "submitted_at",
        "original_amount",
        "original_currency",
        *SENT,
    ),
    "return": message(RETURNED, returned("paid", ACCOUNT, 10), "reason", "returned_at"),
    **{
        f"presentment, {name}": message(
            PRESENTED, presentment("c", 5, **fields), "presented_at", *MERCHANT, *SENT
        )
        for name, fields in {
            "debit": {},
            "credit": {"direction": "credit"},
            "correction": {"reverses_clearing_id": "d", "direction": "credit"},
        }.items()
    },
    "clearing over HTTP": Advice(
        lambda sent: ClearingRequest.model_validate(sent).to_command(**PATH),
        CLEARING,
        (*MERCHANT, *SENT),
    ),
    "item of a batch": Advice(
        lambda sent: ClearingItem.model_validate(sent).to_command(),
        {**CLEARING, **PATH},
        (*MERCHANT, *SENT),
    ),
    "refund over HTTP": Advice(
        lambda sent: RefundRequest.model_validate(sent).to_value(Refund, account_id=ACCOUNT),
        {"refund_id": "r", "amount": 5, "currency": "USD", "transaction_id": T},
        (*MERCHANT, *SENT),
    ),
    "reversal over HTTP": Advice(
        lambda sent: ReversalRequest.model_validate(sent).to_value(Reversal, **PATH),
        {"reversal_id": "v", "amount": 3},
        ("occurred_at", *SENT),
    ),
}

texts = st.text() | st.sampled_from(
    ["4111 1111 1111 1111", "2026-11-20", "2026-12-31T23:59:60Z", "USA", "5942", "a\nb", "\ud800"]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.sampled_from(FLAWED),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
merchants = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "name", "category_code", "country", "city"), values)
)


def described(advice: Advice) -> st.SearchStrategy[bytes]:
    """Generate the JSON of an advice with describing fields, which have any values."""
    return st.fixed_dictionaries(
        {},
        optional={
            name: (values | merchants if name == "merchant" else values) | st.just(repeated(name))
            for name in advice.describing
        },
    ).map(lambda fields: written({**advice.checked, **fields}))


def prepared(*, is_open: bool) -> Stream:
    """Return a stream with a hold, a payment and a clearing, or one that has no events yet."""
    stream = Stream()
    if is_open:
        stream.ask(opening(ACCOUNT, 500_000))
        stream.ask(purchase(ACCOUNT, T, 100))
        stream.ask(payment(ACCOUNT, "paid", 10))
        first = presentment("d", 20, final=False)
        stream.ask(INBOUND[PRESENTED].model_validate(first).to_command())
    return stream


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "not open yet"])
@pytest.mark.parametrize("advice", ADVICES.values(), ids=ADVICES)
def test_i2_no_value_of_a_describing_field_changes_money_or_status(
    advice: Advice, *, is_open: bool
) -> None:
    """A copy with other describing fields is a duplicate."""
    # An account can be opened only once.
    is_open = is_open and advice is not ADVICES["opening"]
    plain = prepared(is_open=is_open)
    undescribed = plain.ask(advice.command(advice.checked))
    assert isinstance(undescribed, Outcome)
    expected = effect(plain)

    @settings(max_examples=40)
    @given(described(advice), described(advice))
    def check(first: bytes, second: bytes) -> None:
        stream = prepared(is_open=is_open)
        outcome = stream.ask(advice.command(parse_lenient_json(first)))
        assert isinstance(outcome, Outcome)
        assert outcome.status is undescribed.status
        again = stream.ask(advice.command(parse_lenient_json(second)))
        assert isinstance(again, Outcome)
        assert (again.status, again.event) == (OutcomeStatus.DUPLICATE, outcome.event)
        assert {name.partition(".")[0] for name in again.differing_fields} <= {*advice.describing}
        assert effect(stream) == expected

    check()


def effect(stream: Stream) -> tuple[object, ...]:
    """Return the state of the account that advices may change, opened if it was not yet."""
    stream.ask(opening(ACCOUNT, 500_000))
    account = stream.account()
    return (
        account.balance,
        account.currency,
        account.status,
        account.holds,
        account.limit_version,
        account.status_version,
        [event.TOPIC for event in stream.events],
    )


@pytest.mark.parametrize("advice", ADVICES.values(), ids=ADVICES)
def test_every_event_of_an_advice_has_its_flags(advice: Advice) -> None:
    """Also the event of a message that waited."""
    field = advice.describing[0]
    unreadable = {**advice.checked, field: {"no": "such value"}}
    for is_open in (True, False):
        stream = prepared(is_open=is_open and advice is not ADVICES["opening"])
        before = len(stream.events)
        stream.ask(advice.command(unreadable))
        stream.ask(opening(ACCOUNT, 500_000))
        key = advice.command(unreadable).key
        events = [event for event in stream.events[before:] if event.key in (key, f"waiting:{key}")]
        assert events
        for event in events:
            assert isinstance(event, AdviceEvent)
            assert event.flags[-1] is Flag.DESCRIPTION_INCOMPLETE


@pytest.mark.parametrize("field", ["clearing_id", "reverses_clearing_id", "transaction_id"])
def test_an_id_of_an_advice_that_looks_like_a_card_number_is_flagged(field: str) -> None:
    body = {**presentment("c", 5, direction="credit"), field: "tx-4111111111111111"}
    command = INBOUND[PRESENTED].model_validate(body).to_command()
    outcome = prepared(is_open=True).ask(command)
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.event, AdviceEvent)
    assert Flag.ID_LIKE_CARD_NUMBER in outcome.event.flags
    assert Flag.DESCRIPTION_INCOMPLETE not in outcome.event.flags


@given(texts, texts)
def test_no_text_of_an_advice_brings_a_card_number_into_the_log(before: str, after: str) -> None:
    sent = f"{before} 4111 1111 1111 1111 {after}"
    body = {**status_changed("frozen", 1), "reason": sent}
    command = INBOUND[STATUS_CHANGED].model_validate(body).to_command()
    reason = getattr(command, "reason", None)
    assert isinstance(reason, str)
    assert not holds_card_number(reason)


@pytest.mark.parametrize("status", ["Frozen", "FROZEN", " frozen "])
def test_a_status_is_read_without_regard_to_case(status: str) -> None:
    stream = prepared(is_open=True)
    stream.ask(INBOUND[STATUS_CHANGED].model_validate(status_changed(status, 1)).to_command())
    assert stream.account().status == "frozen"


def test_a_reference_and_metadata_are_kept_with_the_event() -> None:
    body = presentment("c", 5, reference=" ARN 1 ", metadata={"batch": "B-1"})
    outcome = prepared(is_open=True).ask(INBOUND[PRESENTED].model_validate(body).to_command())
    assert isinstance(outcome, Outcome)
    command = outcome.event.command
    assert (getattr(command, "reference", None), getattr(command, "metadata", None)) == (
        "ARN 1",
        {"batch": "B-1"},
    )
