"""The messages that the client builds and reads, compared with those of the platform."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.commands import (
    NOW,
    clearing,
    increment,
    opening,
    payment,
    payment_return,
    purchase,
    refund,
    reversal,
)
from harness.histories import record
from harness.inbound import settings_for
from harness.postgres import TestDatabase
from harness.published import publishing, read_topic, wait_for_publisher
from txplatform.contracts.cloudevents import open_envelope
from txplatform.contracts.messages import INBOUND as PLATFORM_INBOUND
from txplatform.database import Database
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import HoldExpiry
from txplatform_client import Merchant, MessageError
from txplatform_client.kafka import (
    AccountOpened,
    AccountStatusChanged,
    CreditLimitChanged,
    PaymentReturned,
    PaymentSubmitted,
    PresentmentReceived,
    build,
    read,
)
from txplatform_client.kafka.outbound import OUTBOUND
from txplatform_client.kafka.records import Message

AT = datetime(2026, 11, 20, 10, 15, 0, 123456, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MESSAGES: list[Message] = [
    AccountOpened(
        account_id="acc-1", currency="USD", credit_limit=500_000, opening_balance=-3, opened_at=AT
    ),
    AccountStatusChanged(
        account_id="acc-1",
        status="frozen",
        status_version=2,
        reason_code="lost",
        reason="The card was lost.",
        changed_at=AT,
    ),
    CreditLimitChanged(
        account_id="acc-1", credit_limit=0, currency="JPY", limit_version=7, effective_at=AT
    ),
    PaymentSubmitted(
        account_id="acc-1",
        payment_id="2026/11/INV 0042",
        amount=5000,
        currency="EUR",
        submitted_at=AT,
        original_amount=5400,
        original_currency="USD",
        reference="RF18 5390 0754 7034",
        metadata={"batch": "B-12"},
    ),
    PaymentReturned(
        account_id="acc-1",
        payment_id="2026/11/INV 0042",
        amount=5000,
        currency="EUR",
        reason="AC04 account closed",
        returned_at=AT,
    ),
    PresentmentReceived(
        account_id="acc-1",
        clearing_id="c-1",
        direction="debit",
        amount=1250,
        currency="EUR",
        transaction_id="tx-1",
        reverses_clearing_id="c-0",
        final=False,
        occurred_at=AT,
        presented_at=AT,
        merchant=Merchant("Corner Books", id="m-17", category_code="5942", country="USA"),
        original_amount=1350,
        original_currency="USD",
        reference="74537606325000000000001",
        metadata={"batch": "B-12"},
    ),
]

by_topic = pytest.mark.parametrize("message", MESSAGES, ids=lambda each: each.TOPIC)


@by_topic
def test_the_platform_reads_every_field_of_a_message_as_it_was_built(message: Message) -> None:
    built = build(message, source="/accounts", traceparent=TRACE)
    envelope = open_envelope(built.headers, built.value)
    assert (envelope.type, envelope.traceparent) == (built.topic, TRACE)
    body = PLATFORM_INBOUND[built.topic].model_validate(envelope.data)
    as_json = body.model_dump(mode="json", exclude_none=True)
    sent = json.loads(built.value)
    assert {name: as_json[name] for name in sent} == sent
    assert sent.keys() == set(message.__struct_fields__)  # type: ignore[attr-defined]


@by_topic
def test_a_message_is_read_as_it_was_built(message: Message) -> None:
    built = build(message, source="/accounts", event_id="e-1", traceparent=TRACE, time=AT)
    found = read(built.topic, built.value, built.headers)
    assert (found.message, found.event_id, found.traceparent) == (message, "e-1", TRACE)
    assert built.key == b"acc-1"
    headers = dict(built.headers)
    assert headers["ce_time"] == b"2026-11-20T10:15:00.123456+00:00"
    assert headers["ce_source"] == b"/accounts"


def test_each_new_message_has_an_id_of_its_own() -> None:
    first, second = (build(MESSAGES[0], source="/accounts") for _ in range(2))
    assert dict(first.headers)["ce_id"] != dict(second.headers)["ce_id"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"account_id": "a b"}, r"of 1 to 64 of A-Z .* at `\$.account_id`"),
        ({"account_id": ".."}, "account_id"),
        ({"account_id": "acc-1\n"}, "account_id"),
        ({"payment_id": ""}, r"of 1 to 64 printable characters - at `\$.payment_id`"),
        ({"payment_id": " "}, "payment_id"),
        ({"payment_id": "x" * 65}, "payment_id"),
        ({"payment_id": "a\tb"}, "payment_id"),
        ({"reference": "\ud800"}, "surrogates"),
        ({"amount": -1}, "amount"),
        ({"amount": 10**15}, "amount"),
        ({"amount": 12.5}, "amount"),
        ({"currency": "eur"}, "three capital letters"),
        ({"currency": "XYZ"}, "XYZ"),
        ({"submitted_at": datetime(2026, 11, 20)}, "submitted_at"),  # noqa: DTZ001  # no offset
    ],
)
def test_a_message_that_the_platform_would_park_is_not_built(
    changed: dict[str, Any], field: str
) -> None:
    good: dict[str, Any] = {
        "account_id": "acc-1",
        "payment_id": "p-1",
        "amount": 1,
        "currency": "EUR",
    }
    build(PaymentSubmitted(**good), source="/payments")
    with pytest.raises(MessageError, match=field):
        build(PaymentSubmitted(**good | changed), source="/payments")


@pytest.mark.parametrize(
    ("topic", "value", "named"),
    [
        ("payments.payment-submitted.v1", b"{", "payments.payment-submitted.v1"),
        ("payments.payment-submitted.v1", None, "payments.payment-submitted.v1"),
        ("payments.payment-submitted.v1", b'{"account_id": "a"}', "amount"),
        ("transactions.hold-expired.v1", b'{"transaction_id": 5}', r"\$.transaction_id"),
        ("payments.unknown.v1", b"{}", "not a topic"),
        ("payments.payment-submitted.v1", b"\xff", "payments.payment-submitted.v1"),
    ],
)
def test_what_is_no_message_is_refused_with_the_field(
    topic: str, value: bytes | None, named: str
) -> None:
    with pytest.raises(MessageError, match=named):
        read(topic, value, [])


def test_unknown_fields_and_missing_headers_do_not_matter() -> None:
    found = read(
        "accounts.account-opened.v1",
        b'{"account_id": "acc-1", "currency": "USD", "credit_limit": 5, "new": [1]}',
        None,
    )
    assert found.message == AccountOpened(account_id="acc-1", currency="USD", credit_limit=5)
    assert found.traceparent is None
    assert found.log_position is None


def test_copies_of_a_message_without_an_id_have_the_same_id() -> None:
    bodies = (b'{"account_id": "acc-1", "currency": "USD", "credit_limit": %d}' % n for n in (5, 6))
    first, other = (read("accounts.account-opened.v1", body, None).event_id for body in bodies)
    copy = b'{"account_id": "acc-1", "currency": "USD", "credit_limit": 5}'
    assert first == read("accounts.account-opened.v1", copy, None).event_id != other


def test_the_messages_of_every_outbound_topic_are_read_with_their_ids(
    database: TestDatabase, topics: str
) -> None:
    account, tx, late = AccountId("acc-1"), TransactionId("tx"), NOW + timedelta(days=400)
    with Database(database.service_url).connect() as connection:
        record(connection, [opening(account), purchase(account, "tx", 1000)])
        record(connection, [increment(account, "tx", "i1", 70)])
        record(connection, [reversal(account, tx, "r1", 100)])
        record(connection, [clearing(account, tx, "c1", 300, final=False)])
        record(connection, [refund(account, tx, "f1", 50)])
        record(connection, [payment(account, "p1", 40), payment_return(account, "p1", 40)])
        record(connection, [HoldExpiry(account, tx)], begin=late)
    with publishing(settings_for(database, topics)):
        wait_for_publisher(database)
    for kind in OUTBOUND:
        (published,) = read_topic(topics, kind.TOPIC)
        found = read(kind.TOPIC, published.body, published.headers.items())
        assert isinstance(found.message, kind)
        assert found.event_id == published.json["event_id"]
        assert found.log_position == int(published.header("log_position"))
        assert found.traceparent == published.header("traceparent")
        for name, value in published.json.items():
            if isinstance(value, int | None):
                assert getattr(found.message, name) == value
