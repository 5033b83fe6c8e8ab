"""The messages that the client builds and reads, compared with those of the platform."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from txplatform.consumers.parsing import Rejection, read_message
from txplatform.contracts.cloudevents import Envelope as PlatformEnvelope
from txplatform.contracts.cloudevents import SentTrace, open_envelope
from txplatform.contracts.field_problems import InvalidFieldsError, validate
from txplatform.contracts.json import parse_strict_json
from txplatform.contracts.messages import INBOUND as PLATFORM_INBOUND
from txplatform.database import Database
from txplatform.demo.simulated_clock import simulate_clock
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import HoldExpiry
from txplatform.inbox.message import ReceivedMessage
from txplatform_client import Merchant, MessageError
from txplatform_client.kafka import (
    TOPICS,
    AccountOpened,
    AccountStatusChanged,
    CreditLimitChanged,
    HoldExpired,
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
OPENED, EXPIRED = AccountOpened.TOPIC, HoldExpired.TOPIC
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
    assert (envelope.type, envelope.trace.traceparent) == (built.topic, TRACE)
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


OPENING = {"account_id": "acc-1", "currency": "USD", "credit_limit": 5}
CLEARING = {
    "account_id": "acc-1",
    "clearing_id": "c-1",
    "direction": "debit",
    "amount": 5,
    "currency": "USD",
}
STATUS = {"account_id": "acc-1", "status": "frozen", "status_version": 1}
EVENT = {"specversion": "1.0", "id": "e-1", "source": "/accounts"}
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]


def plain(message: object) -> dict[str, Any]:
    """Return the fields of a message that are not None."""
    found = msgspec.structs.asdict(message)  # type: ignore[arg-type]  # all are structs
    return {
        name: plain(value) if isinstance(value, msgspec.Struct) else value
        for name, value in found.items()
        if value is not None
    }


@pytest.mark.parametrize(
    ("topic", "body", "changed"),
    [
        *(
            ("accounts.account-opened.v1", OPENING, {"opened_at": time})
            for time in (
                "2026-11-20",
                "2026-11-20T10:15:00",
                "2026-11-20 10:15:00.5z",
                "2026-11-20T10:15:00.123456789+02:00",
                "2026-12-31T23:59:60Z",
                "2026-12-31T22:59:60Z",
                "0001-01-01T00:00:00+14:00",
                "9999-12-31T23:59:59-14:00",
                "2026-02-30",
                "today",
                "",
                0,
                None,
            )
        ),
        ("accounts.account-opened.v1", OPENING, {"credit_limit": 5.0, "opening_balance": -5e3}),
        ("accounts.account-opened.v1", OPENING, {"opening_balance": None}),
        ("accounts.account-opened.v1", OPENING, {"account_id": " acc-1 ", "currency": "USD "}),
        ("accounts.account-opened.v1", OPENING, {"opened_at": "2026-11-20T10:15:00.1234567899Z"}),
        ("accounts.account-status-changed.v1", STATUS, {"status": " FROZEN "}),
        ("accounts.account-status-changed.v1", STATUS, {"reason_code": "Lost", "reason": 5}),
        ("accounts.account-status-changed.v1", STATUS, {"reason_code": "none"}),
        ("accounts.account-status-changed.v1", STATUS, {"reason_code": "eaten"}),
        ("settlement.presentment-received.v1", CLEARING, {"final": None, "merchant": []}),
        ("settlement.presentment-received.v1", CLEARING, {"merchant": {"id": "m-1", "name": 5}}),
        ("settlement.presentment-received.v1", CLEARING, {"metadata": {"a": "b", "c": 5}}),
        ("settlement.presentment-received.v1", CLEARING, {"transaction_id": "a b"}),
        ("settlement.presentment-received.v1", CLEARING, {"original_amount": 12.5}),
        ("settlement.presentment-received.v1", CLEARING, {"reverses_clearing_id": " c-0"}),
    ],
)
def test_what_the_platform_reads_is_read_with_the_same_values(
    topic: str, body: dict[str, Any], changed: dict[str, Any]
) -> None:
    sent = {**body, **changed}
    platform = PLATFORM_INBOUND[topic].model_validate(parse_strict_json(json.dumps(sent).encode()))
    found = plain(read(topic, json.dumps(sent).encode(), None).message)
    expected = platform.model_dump(exclude_none=True)
    assert {name: found.get(name) for name in sent} == {name: expected.get(name) for name in sent}


@pytest.mark.parametrize(
    ("topic", "body", "changed"),
    [
        ("accounts.account-opened.v1", OPENING, {"credit_limit": 5.5}),
        ("accounts.account-opened.v1", OPENING, {"credit_limit": None}),
        ("accounts.account-opened.v1", OPENING, {"opening_balance": "5"}),
        ("accounts.account-opened.v1", OPENING, {"account_id": "acc-1\n"}),
        ("accounts.account-opened.v1", OPENING, {"currency": "usd"}),
        ("accounts.account-status-changed.v1", STATUS, {"status": "lost"}),
        ("settlement.presentment-received.v1", CLEARING, {"reverses_clearing_id": 5}),
        ("settlement.presentment-received.v1", CLEARING, {"direction": None}),
        ("settlement.presentment-received.v1", CLEARING, {"final": "no"}),
    ],
)
def test_a_checked_field_that_the_platform_cannot_read_is_refused(
    topic: str, body: dict[str, Any], changed: dict[str, Any]
) -> None:
    content = json.dumps({**body, **changed}).encode()
    with pytest.raises(InvalidFieldsError):
        validate(PLATFORM_INBOUND[topic], parse_strict_json(content))
    with pytest.raises(MessageError, match=f"{topic}.*{next(iter(changed))}"):
        read(topic, content, None)


def test_a_number_is_not_rounded_to_an_integer() -> None:
    content = b'{"account_id": "acc-1", "currency": "USD", "credit_limit": 1250.00000000000000001}'
    with pytest.raises(MessageError, match="credit_limit"):
        read("accounts.account-opened.v1", content, None)


@pytest.mark.parametrize(
    ("headers", "event"),
    [
        (STRUCTURED, {**EVENT, "data": OPENING, "traceparent": TRACE}),
        ([], {**EVENT, "data": OPENING, "traceparent": TRACE}),
        ([("traceparent", TRACE.encode())], {**EVENT, "data": OPENING}),
        (
            [*STRUCTURED, ("traceparent", b"x")],
            {
                **EVENT,
                "data_base64": b64encode(json.dumps(OPENING).encode()).decode(),
                "traceparent": TRACE,
            },
        ),
    ],
)
def test_a_structured_event_is_read_as_the_platform_reads_it(
    headers: list[tuple[str, bytes | None]], event: dict[str, Any]
) -> None:
    topic = "accounts.account-opened.v1"
    content = json.dumps({**event, "type": topic}).encode()
    assert open_envelope(headers, content) == PlatformEnvelope(
        topic, SentTrace(TRACE, None), OPENING
    )
    found = read(topic, content, headers)
    assert found.message == AccountOpened(**OPENING)  # type: ignore[arg-type]
    assert (found.event_id, found.traceparent) == ("e-1", TRACE)


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        (STRUCTURED, b"[]"),
        (STRUCTURED, b"{}"),
        (STRUCTURED, b""),
        ([], json.dumps({**EVENT, "type": "payments.payment-submitted.v1", "data": {}}).encode()),
        ([], json.dumps({**EVENT, "type": None, "data": OPENING}).encode()),
        (STRUCTURED, json.dumps({"type": OPENED, "specversion": 1, "data": OPENING}).encode()),
        (STRUCTURED, json.dumps({"type": OPENED, "data_base64": "%"}).encode()),
        (STRUCTURED, json.dumps({"type": OPENED, "data_base64": "", "data": OPENING}).encode()),
        (STRUCTURED, json.dumps({"type": OPENED, "data_base64": 5}).encode()),
        ([("content-type", b"application/cloudevents+avro")], json.dumps(OPENING).encode()),
        ([("ce_specversion", b"0.3")], json.dumps(OPENING).encode()),
        ([("ce_type", b"payments.payment-submitted.v1")], json.dumps(OPENING).encode()),
    ],
)
def test_an_envelope_that_the_platform_refuses_is_refused(
    headers: list[tuple[str, bytes | None]], content: bytes
) -> None:
    message = ReceivedMessage("", OPENED, "", 0, 0, None, b"acc-1", tuple(headers), content)
    assert isinstance(read_message(message).command, Rejection)
    with pytest.raises(MessageError, match="cannot be read"):
        read(OPENED, content, headers)


@pytest.mark.parametrize("given", ["e" * 65, "no\x00id", "\ud800"])
def test_an_id_that_a_database_may_not_store_becomes_a_short_one(given: str) -> None:
    content = json.dumps(OPENING).encode()
    first, copy, other = (
        read(OPENED, content, {"ce_id": each}).event_id for each in (given, given, f"{given}2")
    )
    assert first == copy != other
    assert len(first) < 80
    assert first.isprintable()


def test_different_ids_that_are_not_utf_8_stay_different() -> None:
    content = json.dumps(OPENING).encode()
    ids = {read(OPENED, content, [("ce_id", each)]).event_id for each in (b"\xff", b"\xfe")}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("topic", "content", "headers"),
    [
        (OPENED, b'{"new":' + b"[" * 200_000, []),
        (OPENED, b'{"new":' + b"[" * 200_000 + b"]" * 200_000 + b"}", []),
        (EXPIRED, b'{"new":' + b'{"a":' * 200_000, []),
        (EXPIRED, b"{}", [("log_position", b"9" * 5_000)]),
        (EXPIRED, b"{}", [("log_position", "٣".encode())]),
        (OPENED, b'{"credit_limit": 1e99999999999999999999}', []),
        (OPENED, b'{"credit_limit": 1e999999}', []),
        (OPENED, b'{"credit_limit": ' + b"9" * 5_000 + b"}", []),
        (OPENED, b'{"currency": "\\ud800"}', []),
    ],
)
def test_what_cannot_be_read_is_a_message_error(
    topic: str, content: bytes, headers: list[tuple[str, bytes | None]]
) -> None:
    with pytest.raises(MessageError, match="cannot be read"):
        read(topic, content, headers)


texts = st.text(st.characters())  # with surrogates
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    [
        *sorted({name for kind in TOPICS.values() for name in kind.__struct_fields__}),  # type: ignore[attr-defined]
        *("specversion", "type", "source", "id", "data", "data_base64"),
    ]
)
contents = (
    st.binary()
    | values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(names, values).map(lambda value: json.dumps(value).encode())
    | st.builds(lambda sent: json.dumps(OPENING | sent).encode(), st.dictionaries(names, values))
)
header_names = st.sampled_from(
    ["ce_id", "CE_Type", "ce_specversion", "content-type", "traceparent", "log_position"]
)
header_values = (
    st.none()
    | st.binary()
    | texts
    | st.sampled_from([*TOPICS, "1.0", "application/cloudevents+json"])
)


@given(
    st.none() | texts | st.sampled_from([*TOPICS]),
    st.none() | contents,
    st.none() | st.lists(st.tuples(texts | header_names, header_values)),
)
def test_whatever_was_received_is_read_or_a_message_error(
    topic: str | None,
    content: bytes | None,
    headers: list[tuple[str, str | bytes | None]] | None,
) -> None:
    try:
        found = read(topic, content, headers)
    except MessageError:
        return
    assert topic == found.message.TOPIC
    assert found.event_id.isprintable()
    assert 0 < len(found.event_id) < 80


@pytest.mark.parametrize("simulated", [False, True])
def test_the_messages_of_every_outbound_topic_are_read_with_their_ids(
    database: TestDatabase, topics: str, *, simulated: bool
) -> None:
    """Only those of the demo's database say that their times are simulated."""
    if simulated:
        simulate_clock(database.owner_url, AT)
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
        assert found.simulated == ("simulated" in published.headers) == simulated
        for name, value in published.json.items():
            if isinstance(value, int | None):
                assert getattr(found.message, name) == value
