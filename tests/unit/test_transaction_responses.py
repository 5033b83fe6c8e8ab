"""The response for a transaction shows the combined effect of its events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.commands import ACCOUNT, NOW, SHOP, clearing, correction, opening, purchase, refund
from harness.shuffled import Sent, arrive, shuffled_histories
from harness.streams import Stream
from txplatform.contracts.transactions import TransactionResponse
from txplatform.domain.advices import Direction, Reversal
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.events import (
    AccountEvent,
    AuthorizationApproved,
    AuthorizationDeclined,
    ClearingCorrected,
    PaymentReceived,
    PurchaseCleared,
    PurchaseRefunded,
    TransactionStarted,
)
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import HoldExpiry, Increment
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.transaction_history import transaction_of

T = TransactionId("t")


def named_by(event: AccountEvent) -> TransactionId | None:
    """Return the transaction that an event belongs to."""
    match event:
        case AuthorizationApproved() | AuthorizationDeclined():
            return event.purchase.transaction_id
        case TransactionStarted():
            return event.transaction
        case _:
            return event.transaction_id


def transactions(stream: Stream) -> dict[TransactionId, list[LoggedEvent]]:
    """Return the events of each transaction in a stream."""
    found = defaultdict(list)
    for number, event in enumerate(stream.events, 1):
        if (transaction_id := named_by(event)) is not None:
            found[transaction_id].append(LoggedEvent(10 * number, NOW, event))
    return found


def seen(*commands: Command, newest: int | None = None) -> TransactionResponse:
    """Return the response for transaction `t` after these commands on an open account."""
    stream = Stream()
    for command in (opening(ACCOUNT, 10_000), *commands):
        stream.now = NOW + timedelta(days=40) if isinstance(command, HoldExpiry) else NOW
        assert isinstance(stream.ask(command), Outcome)
    return transaction_of(T, transactions(stream)[T], newest)


def details(transaction: TransactionResponse) -> list[dict[str, Any]]:
    """Return the transaction's events without common and empty fields."""
    common = ("event_id", "account_version", "at")
    return [
        {name: value for name, value in asdict(event).items() if value and name not in common}
        for event in transaction.events
    ]


def test_a_held_purchase_shows_its_decision_and_the_expiry_of_its_hold() -> None:
    """The decision is the only event."""
    found = seen(purchase(ACCOUNT, "t", 300))
    assert (found.decision, found.response_code, found.amount) == ("approved", "00", 300)
    assert found.merchant == SHOP
    assert (found.state, found.hold, found.posted) == ("held", 300, 0)
    assert found.expires_at == NOW + timedelta(days=7)
    (event,) = found.events
    assert (event.type, event.amount, event.at) == ("authorization-approved", 300, NOW)
    assert (event.event_id, event.account_version) == (found.event_id, found.account_version)
    assert (found.account_version, found.log_position, found.events_total) == (2, 20, 1)


def test_a_decline_has_its_reasons_and_holds_nothing() -> None:
    found = seen(purchase(ACCOUNT, "t", 10_001))
    assert (found.decision, found.state, found.hold, found.expires_at) == (
        "declined",
        "declined",
        0,
        None,
    )
    assert [reason.code for reason in found.reasons] == ["insufficient_credit"]


def test_each_kind_of_event_is_shown_with_its_own_id_amount_and_flags() -> None:
    """Events are in order, oldest first."""
    found = seen(
        purchase(ACCOUNT, "t", 1000),
        Increment("i1", T, ACCOUNT, 200),
        Increment("i2", T, ACCOUNT, 50_000),
        Reversal("r1", T, ACCOUNT, 100),
        clearing(ACCOUNT, T, "c1", 400, final=False),
        Reversal("r2", T, ACCOUNT),
        clearing(ACCOUNT, T, "c2", 50),
        correction(ACCOUNT, T, "x1", "c2", 50, Direction.CREDIT),
        correction(ACCOUNT, T, "x2", "c2", 10, Direction.CREDIT),
        refund(ACCOUNT, T, "f", 500),
    )
    assert details(found) == [
        {"type": "authorization-approved", "amount": 1000},
        {"type": "authorization-incremented", "amount": 200, "increment_id": "i1"},
        {"type": "increment-declined", "amount": 50_000, "increment_id": "i2"},
        {"type": "authorization-reversed", "amount": 100, "released": 100, "reversal_id": "r1"},
        {
            "type": "purchase-cleared",
            "amount": 400,
            "released": 400,
            "clearing_id": "c1",
            "direction": "debit",
        },
        {"type": "authorization-reversed", "released": 700, "reversal_id": "r2"},
        {
            "type": "purchase-cleared",
            "amount": 50,
            "clearing_id": "c2",
            "direction": "debit",
            "flags": ("after_reversal",),
        },
        {
            "type": "clearing-corrected",
            "amount": 50,
            "clearing_id": "x1",
            "reverses_clearing_id": "c2",
            "direction": "credit",
        },
        {
            "type": "clearing-corrected",
            "amount": 10,
            "clearing_id": "x2",
            "reverses_clearing_id": "c2",
            "direction": "credit",
            "flags": ("corrected_before", "over_clearing"),
        },
        {
            "type": "purchase-refunded",
            "amount": 500,
            "refund_id": "f",
            "direction": "credit",
            "flags": ("over_purchase",),
        },
    ]
    assert (found.state, found.hold, found.reversed) == ("cleared", 0, 800)
    assert (found.cleared, found.corrected, found.posted, found.refunded) == (450, 60, 390, 500)
    versions = [event.account_version for event in found.events]
    assert versions == sorted(set(versions))
    assert found.events_total == len(versions) == 10


def test_an_expired_hold_is_gone_and_a_later_clearing_is_flagged() -> None:
    """An expired hold no longer has an expiry time."""
    found = seen(purchase(ACCOUNT, "t", 300), HoldExpiry(ACCOUNT, T))
    assert (found.state, found.hold, found.expires_at) == ("expired", 0, None)
    assert details(found)[1:] == [{"type": "hold-expired", "released": 300}]
    late = seen(purchase(ACCOUNT, "t", 300), HoldExpiry(ACCOUNT, T), clearing(ACCOUNT, T, "c", 300))
    assert (late.state, late.posted) == ("cleared", 300)
    assert late.events[-1].flags == ("after_expiry",)


def test_a_transaction_without_authorization_has_amounts_but_no_decision() -> None:
    """The transaction starts with its clearing."""
    found = seen(clearing(ACCOUNT, T, "c", 70))
    assert [event.type for event in found.events] == ["transaction-started", "purchase-cleared"]
    assert (found.state, found.cleared, found.hold) == ("unauthorized", 70, 0)
    decided = (found.decision, found.response_code, found.amount, found.currency, found.merchant)
    assert decided == (None,) * 5
    assert (found.decided_at, found.balance, found.ruleset, found.reasons) == (
        None,
        None,
        None,
        (),
    )
    first = found.events[0]
    assert (found.account_version, found.event_id) == (first.account_version, first.event_id)
    assert found.log_position == 20


def test_a_refund_of_an_unknown_purchase_starts_a_transaction() -> None:
    """The state of such a transaction is unknown."""
    found = seen(refund(ACCOUNT, T, "f", 5))
    assert (found.decision, found.state, found.refunded) == (None, "unknown", 5)


def test_a_late_authorization_adds_its_decision_to_the_transaction() -> None:
    """The hold covers the uncleared amount. Version and position are those of the authorization."""
    found = seen(clearing(ACCOUNT, T, "c", 60, final=False), purchase(ACCOUNT, "t", 100))
    assert [event.type for event in found.events] == [
        "transaction-started",
        "purchase-cleared",
        "authorization-approved",
    ]
    assert (found.decision, found.state, found.hold, found.posted) == ("approved", "held", 40, 60)
    assert (found.account_version, found.log_position) == (4, 40)
    assert found.expires_at is not None


def test_a_corrected_refund_is_owed_again() -> None:
    """The correction has the direction debit."""
    found = seen(
        purchase(ACCOUNT, "t", 100),
        clearing(ACCOUNT, T, "c", 100),
        refund(ACCOUNT, T, "f", 30, presented=True),
        correction(ACCOUNT, T, "x", "f", 30, Direction.DEBIT),
    )
    assert (found.cleared, found.corrected, found.refunded) == (100, 0, 0)
    assert found.posted - found.refunded == 100


def test_only_the_newest_events_may_be_shown_but_all_of_them_count() -> None:
    """The sums include events that are not shown."""
    commands: tuple[Command, ...] = (
        purchase(ACCOUNT, "t", 100),
        *(clearing(ACCOUNT, T, f"c{n}", 10, final=False) for n in range(5)),
    )
    found, whole = seen(*commands, newest=2), seen(*commands)
    assert [event.clearing_id for event in found.events] == ["c3", "c4"]
    assert (found.events_total, found.cleared, found.hold) == (6, 50, 50)
    assert len(whole.events) == 6
    assert found.decision == "approved"


def owed_without_a_transaction(event: AccountEvent) -> int:
    """Return what an event without a transaction adds to the posted balance."""
    match event:
        case PaymentReceived():
            return -event.payment.amount
        case PurchaseCleared() if event.transaction_id is None:
            return event.clearing.amount
        case PurchaseRefunded() if event.transaction_id is None:
            return -event.refund.amount
        case ClearingCorrected() if event.transaction_id is None:
            return event.correction.posted_change
        case _:
            return 0


@settings(max_examples=200)
@given(shuffled_histories() | shuffled_histories(limit=200), st.none() | st.integers(1, 3))
def test_i2_transactions_and_postings_without_one_add_up_to_the_balance(
    sent: Sent, newest: int | None
) -> None:
    """This holds for any history and for any number of shown events."""
    stream = Stream()
    arrive(stream, sent)
    account = stream.account()
    found = [transaction_of(each, life, newest) for each, life in transactions(stream).items()]
    owed = sum(each.posted - each.refunded for each in found)
    assert account.posted == owed + sum(map(owed_without_a_transaction, stream.events))
    assert account.pending == sum(each.hold for each in found)
    for each in found:
        hold = account.holds.get(each.transaction_id, (0, None))
        assert (each.hold, each.expires_at) == hold
        assert each.events_total >= len(each.events) > 0
