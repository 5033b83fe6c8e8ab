"""Published records are encoded from stored events and equal API responses (invariant I4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.commands import ACCOUNT, ORIGIN, opening
from harness.streams import Stream
from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.decision import Decision, decision_response
from txplatform.contracts.encoding import rfc3339, rfc3339_or_none, to_json
from txplatform.contracts.outbound import TransactionDecisioned
from txplatform.contracts.same_fields import from_same_fields
from txplatform.domain.advices import Clearing
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import TransactionId, account_stream
from txplatform.domain.money import Balance
from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.requests import Merchant, Purchase
from txplatform.eventstore.mapper import decode_event, encode_event
from txplatform.publisher import TOPICS
from txplatform.publisher.feed import Record

TRANSACTION_CLEARED = TOPICS["transactions.transaction-cleared.v1"]
TOPIC = "transactions.transaction-decisioned.v1"
TRANSACTION_DECISIONED = TOPICS[TOPIC]

BEGIN = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)

texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1)
# With and without a fraction, because a stored time omits zero microseconds.
times = st.datetimes(timezones=st.just(UTC)) | st.just(BEGIN)
balances = st.builds(Balance, numbers, numbers, numbers, numbers)
purchases = st.builds(
    Purchase,
    transaction_id=texts.map(TransactionId),
    account_id=st.just(ACCOUNT),
    amount=numbers,
    currency=texts,
    merchant=st.builds(Merchant, texts, texts, texts, texts),
    original_amount=st.none() | numbers,
    original_currency=st.none() | texts,
    occurred_at=st.none()
    | times
    | st.datetimes(timezones=st.just(timezone(timedelta(hours=2))), min_value=datetime(1, 1, 2)),  # noqa: DTZ001  # the time zone is drawn separately
    reference=st.none() | texts,
    metadata=st.none() | st.dictionaries(texts, texts, max_size=3),
)
measured = st.none() | numbers | texts
reasons = st.builds(Reason, st.sampled_from(ReasonCode), texts, texts, measured, measured)
common = {
    "originator_id": st.just(account_stream(ACCOUNT)),
    "originator_version": st.integers(1, 2**63 - 1),
    "timestamp": times,
    "event_id": texts,
    "traceparent": texts,
    "caused_by": st.just(ORIGIN.cause),
    "purchase": purchases,
    "ruleset": texts,
    "observed": st.dictionaries(texts, measured, max_size=3),
}
decisions: st.SearchStrategy[Decision] = st.builds(
    AuthorizationApproved,
    **common,
    authorization_code=texts,
    balance=balances,
    hold=st.none() | numbers,
) | st.builds(
    AuthorizationDeclined,
    **common,
    reasons=st.lists(reasons, min_size=1, max_size=3).map(tuple),
    balance=st.none() | balances,
)


@given(decisions, st.integers(1, 2**63 - 1))
def test_i4_the_published_body_equals_the_body_of_the_contract_byte_by_byte(
    event: Decision, position: int
) -> None:
    record = published(event, encode_event(event), position)
    assert record.body == contract(event)
    assert record.topic == TOPIC
    assert record.key == ACCOUNT.encode()
    assert record.headers == [
        *binary_headers(
            event_id=event.event_id,
            event_type=TOPIC,
            subject=ACCOUNT,
            time=rfc3339(event.timestamp),
            trace=(event.traceparent, event.tracestate),
        ),
        ("event_id", event.event_id.encode()),
        ("account_version", str(event.originator_version).encode()),
        ("log_position", str(position).encode()),
    ]


DECLINED: dict[str, Any] = {
    "originator_id": account_stream(ACCOUNT),
    "originator_version": 1,
    "timestamp": BEGIN,
    "event_id": "event-1",
    "traceparent": ORIGIN.traceparent,
    "caused_by": ORIGIN.cause,
    "purchase": Purchase(
        TransactionId("tx-1"), ACCOUNT, 5, "USD", Merchant("m-1", "Shop", "5942", "USA")
    ),
    "reasons": (Reason(ReasonCode.CURRENCY_MISMATCH, "57", "No.", "EUR", "USD"),),
    "balance": None,
    "ruleset": "default@1",
    "observed": {},
}
OLDER: dict[str, dict[str, Any]] = {
    "purchase without a time": {"purchase": {"occurred_at"}},
    "purchase without a reference": {"purchase": {"reference", "metadata"}},
    "reason without measures": {"reasons": {"observed", "limit"}},
}


@pytest.mark.parametrize("lacking", OLDER.values(), ids=OLDER.keys())
def test_a_field_that_an_old_event_lacks_is_published_with_its_default(
    lacking: dict[str, Any],
) -> None:
    event = AuthorizationDeclined(**DECLINED)
    stored = orjson.loads(encode_event(event))
    for field, names in lacking.items():
        values = stored[field] if isinstance(stored[field], list) else [stored[field]]
        for value in values:
            for name in names:
                value.pop(name, None)  # not stored if equal to the default
    state = orjson.dumps(stored)
    revived = decode_event(event.originator_id, 1, event.TOPIC, state)
    assert isinstance(revived, AuthorizationDeclined)
    assert published(event, state).body == contract(revived)


def test_a_topic_encoded_from_decoded_events_has_the_same_headers_as_decisions() -> None:
    """Log position and account version are separate headers and must not be swapped."""
    stream = Stream()
    stream.ask(opening(ACCOUNT, 1000))
    cleared = stream.ask(Clearing("c", ACCOUNT, None, 5, "USD"))
    assert isinstance(cleared, Outcome)
    event = cleared.event
    record = TRANSACTION_CLEARED.encode(
        77, event.originator_id, event.originator_version, event.TOPIC, encode_event(event)
    )
    assert (record.topic, record.key) == (TRANSACTION_CLEARED.name, ACCOUNT.encode())
    assert record.headers == [
        *binary_headers(
            event_id=event.event_id,
            event_type=TRANSACTION_CLEARED.name,
            subject=ACCOUNT,
            time=rfc3339(event.timestamp),
            trace=(event.traceparent, event.tracestate),
        ),
        ("event_id", event.event_id.encode()),
        ("account_version", b"2"),
        ("log_position", b"77"),
    ]


def published(event: Decision, state: bytes, position: int = 1) -> Record:
    """Return the record for an event stored with this state."""
    return TRANSACTION_DECISIONED.encode(
        position, event.originator_id, event.originator_version, event.TOPIC, state
    )


def contract(event: Decision) -> bytes:
    """Return the API's response to this decision as JSON, with the request's merchant and time."""
    message = from_same_fields(
        TransactionDecisioned,
        decision_response(event),
        merchant=event.purchase.merchant,
        occurred_at=rfc3339_or_none(event.purchase.occurred_at),
        reference=event.purchase.reference,
        metadata=event.purchase.metadata,
        held=event.pending_change,
    )
    return to_json(message)
