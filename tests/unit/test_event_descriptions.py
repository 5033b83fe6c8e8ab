"""Every kind of event has a short description, and is the same after it is stored and read."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from harness.commands import (
    ACCOUNT,
    NOW,
    clearing,
    correction,
    increment,
    limit_change,
    opening,
    payment,
    payment_return,
    purchase,
    refund,
    reversal,
    team_status,
)
from harness.shuffled import Sent, arrive, shuffled_histories
from harness.streams import Stream
from txplatform.domain.account import Account
from txplatform.domain.account_command import AccountCommand, VersionedAdvice
from txplatform.domain.advices import Advice
from txplatform.domain.cause import Cause, KeyCause, MessageCause, PartCause
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.events import (
    EVENT_TYPES,
    AccountEvent,
    AuthorizationApproved,
    AuthorizationIncremented,
    Event,
    MessageWaiting,
    MoneyEvent,
    WaitingMessageRejected,
)
from txplatform.domain.events.accounts import VERSIONED
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import ControlsChange, HoldExpiry, Opening, OperatorStatus
from txplatform.domain.status import AccountStatus, FreezeReason
from txplatform.eventstore.mapper import decode_event, encode_event, event_data

CAUSES = st.one_of(
    st.builds(KeyCause),
    st.builds(
        MessageCause,
        partition=st.integers(0, 2**31 - 1),
        offset=st.integers(0, 2**63 - 1),
        retried=st.booleans(),
    ),
    st.builds(PartCause),
)
EARLY: list[Command] = [
    payment(ACCOUNT, "p1", 40),
    payment_return(ACCOUNT, "p9", 5),
    limit_change(ACCOUNT, 1, 1000),
    clearing(ACCOUNT, "t9", "c1", 7, final=True),
    correction(ACCOUNT, None, "x1", "c1", 3),
    refund(ACCOUNT, None, "f1", 2),
    payment(ACCOUNT, "p2", 40, "EUR"),
    opening(ACCOUNT, 900),
]
LIFE: list[Command] = [
    payment_return(ACCOUNT, "p1", 40),
    limit_change(ACCOUNT, 3, 800),
    limit_change(ACCOUNT, 2, 700),
    team_status(ACCOUNT, 2, "frozen", "lost card", FreezeReason.LOST),
    team_status(ACCOUNT, 1, "active", ""),
    team_status(ACCOUNT, 3, "active", ""),
    OperatorStatus("s1", ACCOUNT, AccountStatus.ACTIVE, "found"),
    ControlsChange("ctl1", ACCOUNT, ({"rule": "amount_limit", "max_amount": 1},), "x"),
    ControlsChange("ctl2", ACCOUNT, (), ""),
    purchase(ACCOUNT, "t1", 100),
    purchase(ACCOUNT, "t2", 5000),
    increment(ACCOUNT, "t1", "i1", 20),
    increment(ACCOUNT, "t2", "i2", 30),
    clearing(ACCOUNT, "t1", "c2", 50, final=False),
    reversal(ACCOUNT, "t1", "r1", 10),
    refund(ACCOUNT, "t1", "f2", 60),
    correction(ACCOUNT, None, "x2", "c2", 50),
    reversal(ACCOUNT, "t3", "r2", None),
    clearing(ACCOUNT, None, "c3", 4, final=True),
    purchase(ACCOUNT, "t4", 10),
    clearing(ACCOUNT, "t5", "c4", 4, final=False),
    purchase(ACCOUNT, "t5", 9),
]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """The events of a stream, at least one of each kind."""
    stream = Stream()
    for command in (*EARLY, *LIFE):
        assert isinstance(stream.ask(command), Outcome)
    stream.now = NOW + timedelta(days=40)
    assert isinstance(stream.ask(HoldExpiry(ACCOUNT, TransactionId("t1"))), Outcome)
    return stream.events


def test_every_kind_of_event_is_described(events: list[Event]) -> None:
    missing = set(EVENT_TYPES) - {type(event) for event in events}
    assert not missing, f"add a command to EARLY or LIFE that records {missing}"
    assert all(event.summary("USD") for event in events)


def test_every_event_class_is_in_a_union() -> None:
    """Events of a class outside the unions could not be read from the log."""
    bases = {AccountEvent, AdviceEvent, MessageWaiting}
    classes = {kind for base in bases for kind in base.__subclasses__()}
    assert classes - bases == set(EVENT_TYPES)


def test_every_event_of_an_advice_has_flags() -> None:
    """The events of an opening too, since it may come as a message."""
    advices = {*get_args(Advice), Opening}
    for kind in EVENT_TYPES:
        command = get_type_hints(kind).get(kind.COMMAND)
        assert issubclass(kind, AdviceEvent) is (
            command in advices or kind is WaitingMessageRejected
        ), kind


def test_every_versioned_advice_has_its_events() -> None:
    """One event is for a version that takes effect, and one for a late version."""
    versioned = {kind for kind in get_args(Advice) if issubclass(kind, VersionedAdvice)}
    assert {*VERSIONED} == versioned
    for kind in versioned:
        assert kind.VERSION in Account.__struct_fields__
        assert kind.VERSION in kind.__struct_fields__


def test_stored_names_of_events_never_change() -> None:
    """Stored streams keep these names permanently. A new kind of event adds a name."""
    assert {kind.TOPIC for kind in EVENT_TYPES} >= {
        "account-opened",
        "account-status-changed",
        "account-status-superseded",
        "authorization-approved",
        "authorization-declined",
        "authorization-incremented",
        "authorization-reversed",
        "clearing-corrected",
        "clearing-waiting",
        "controls-changed",
        "correction-waiting",
        "credit-limit-change-superseded",
        "credit-limit-change-waiting",
        "credit-limit-changed",
        "hold-expired",
        "increment-declined",
        "operator-status-set",
        "payment-received",
        "payment-return-waiting",
        "payment-returned",
        "payment-waiting",
        "purchase-cleared",
        "purchase-refunded",
        "refund-waiting",
        "transaction-started",
        "waiting-message-rejected",
    }


def test_an_event_is_equal_after_it_was_stored_and_read(events: list[Event]) -> None:
    """Fields with their default value are not stored, and get the default when read."""
    for event in events:
        stored = encode_event(event)
        again = decode_event(event.originator_id, event.originator_version, event.TOPIC, stored)
        assert again == event
        assert encode_event(again) == stored


@given(CAUSES)
def test_every_kind_of_event_keeps_its_cause(events: list[Event], cause: Cause) -> None:
    """A cause is an API caller, a message, or a part of the platform."""
    for event in events:
        caused = replace(event, caused_by=cause)
        again = decode_event(
            caused.originator_id, caused.originator_version, caused.TOPIC, encode_event(caused)
        )
        assert again == caused
        assert again.caused_by == cause


def test_an_event_has_the_business_time_of_its_command(events: list[Event]) -> None:
    """The time is None if the sender gave none, or if the event follows from another event."""
    times = {event.TOPIC: event.business_time for event in events}
    assert times["payment-received"] == times["payment-returned"] == NOW
    assert times["authorization-approved"] is None
    assert times["hold-expired"] is times["transaction-started"] is None


def test_the_merchants_time_of_a_clearing_takes_precedence() -> None:
    """The network's time is only the time of the network's file."""
    presented = replace(clearing(ACCOUNT, "t", "c", 1), presented_at=NOW)
    assert presented.business_time == NOW
    earlier = NOW - timedelta(days=1)
    assert replace(presented, occurred_at=earlier).business_time == earlier


def test_every_time_of_a_command_is_its_business_time() -> None:
    """Every time that a sender gives must be listed in `BUSINESS_TIME`."""
    for kind in get_args(Command):
        times = [field.name for field in fields(kind) if "datetime" in str(field.type)]
        assert [*kind.BUSINESS_TIME] == times, kind


def test_audit_interfaces_show_every_field_of_an_event(events: list[Event]) -> None:
    """This includes fields that are not stored because they have their default value."""
    for event in events:
        shown = event_data(event)
        assert {*shown} == {*event.__struct_fields__} - {*AccountEvent.__struct_fields__}
        for name, value in shown.items():
            part = getattr(event, name)
            if isinstance(part, AccountCommand):
                assert {*value} == {*part.__struct_fields__}
    approved = next(event for event in events if isinstance(event, AuthorizationApproved))
    assert event_data(approved) == {
        "purchase": {
            "transaction_id": "t1",
            "account_id": "acc-1",
            "amount": 100,
            "currency": "USD",
            "merchant": {
                "id": "m-17",
                "name": "Corner Books",
                "category_code": "5942",
                "country": "USA",
            },
            "original_amount": None,
            "original_currency": None,
            "occurred_at": None,
            "reference": None,
            "metadata": None,
        },
        "authorization_code": approved.authorization_code,
        "balance": {"credit_limit": 800, "posted": 2, "pending": 100, "available": 698},
        "ruleset": "default@1",
        "observed": dict(approved.observed),
        "hold": None,
        "expires_at": "2026-11-27T10:15:00+00:00",
        "already_posted": 0,
        "late": False,
    }


def test_i2_every_kind_of_event_states_the_changes_of_the_amounts_on_hold_and_owed(
    events: list[Event],
) -> None:
    """Only events declared as money events change a balance."""
    account = Account.unopened(ACCOUNT)
    for event in events:
        posted, pending = account.posted, account.pending
        event.mutate(account)
        assert event.pending_change == account.pending - pending, event.TOPIC
        assert event.posted_change == account.posted - posted, event.TOPIC
        moved = (account.posted, account.pending) != (posted, pending)
        assert isinstance(event, MoneyEvent) or not moved, event.TOPIC


def test_only_an_approval_or_increment_sets_the_time_when_a_hold_expires(
    events: list[Event],
) -> None:
    """The time is that of the account's hold."""
    account = Account.unopened(ACCOUNT)
    for event in events:
        before = {each: expires_at for each, (_, expires_at) in account.holds.items()}
        event.mutate(account)
        after = {each: expires_at for each, (_, expires_at) in account.holds.items()}
        if event.hold_expires_at is None:
            assert after.items() <= before.items(), event.TOPIC
        else:
            assert isinstance(event, AuthorizationApproved | AuthorizationIncremented)
            changed = {*after.items()} - {*before.items()}
            assert changed <= {(event.purchase.transaction_id, event.hold_expires_at)}
            assert after[event.purchase.transaction_id] == event.hold_expires_at
    approvals = [event for event in events if isinstance(event, AuthorizationApproved)]
    assert all(event.hold_expires_at for event in approvals)


@settings(max_examples=200)
@given(shuffled_histories(limit=500))
def test_i2_the_stated_changes_of_any_history_add_up_to_the_balance(sent: Sent) -> None:
    stream = Stream()
    arrive(stream, sent)
    account = stream.account()
    assert sum(event.pending_change for event in stream.events) == account.pending
    assert sum(event.posted_change for event in stream.events) == account.posted


def test_a_description_has_amounts_names_and_flags(events: list[Event]) -> None:
    assert [event.summary("USD") for event in events] == [
        "payment:p1 waits",
        "payment-return:p9 waits",
        "credit-limit:1 waits",
        "clearing:c1 waits",
        "clearing:x1 waits",
        "refund:f1 waits",
        "payment:p2 waits",
        "opened with limit 9.00 USD",
        "credit limit version 1: 10.00 USD",
        "payment of 0.40 USD, p1",
        "t9 named before it was authorized",
        "cleared 0.07 USD, c1 of t9, 0.00 released [no_authorization]",
        "credit of 0.03 USD, x1 of t9 corrects c1",
        "refunded 0.02 USD, f1",
        "payment:p2 rejected: currency_mismatch",
        "payment returned, 0.40 USD, p1",
        "credit limit version 3: 8.00 USD",
        "credit limit version 2 came late, no effect",
        "status version 2: frozen, lost (lost card)",
        "status version 1, active, came late, no effect",
        "status version 3: active",
        "operator's status s1: active (found)",
        "controls ctl1: amount_limit (x)",
        "controls ctl2: none",
        "approved 1.00 USD, t1",
        "declined 50.00 USD, t2: insufficient_credit",
        "hold of t1 raised by 0.20 USD, i1",
        "hold of t2 not raised by 0.30, i2: no_open_hold",
        "cleared 0.50 USD, c2 of t1, 0.50 released",
        "t1 reversed by 0.10, r1, 0.10 released",
        "refunded 0.60 USD, f2 of t1 [over_purchase]",
        "credit of 0.50 USD, x2 of t1 corrects c2",
        "t3 named before it was authorized",
        "t3 reversed, r2, 0.00 released [no_authorization]",
        "cleared 0.04 USD, c3, 0.00 released [no_authorization]",
        "approved 0.10 USD, t4",
        "t5 named before it was authorized",
        "cleared 0.04 USD, c4 of t5, 0.00 released [no_authorization]",
        "approved 0.09 USD, t5, 0.05 of it held",
        "hold of t1 expired, 0.60 released",
    ]


def test_an_amount_without_currency_has_the_decimals_of_the_account_s(events: list[Event]) -> None:
    """ISO 4217 has currencies with 0, 2 and 3 decimals."""
    (reversed_,) = (event for event in events if event.key == "reversal:r1")
    told = [reversed_.summary(currency).partition(", ")[0] for currency in ("JPY", "USD", "KWD")]
    assert told == ["t1 reversed by 10", "t1 reversed by 0.10", "t1 reversed by 0.010"]
