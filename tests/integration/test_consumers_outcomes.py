"""The outcomes of messages from a real Kafka: applied, waiting, duplicate, stale or parked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from harness.commands import OPERATOR
from harness.inbound import (
    LIMIT_CHANGED,
    OPENED,
    RETURNED,
    SUBMITTED,
    TIME,
    Sender,
    consuming,
    execute,
    inbox,
    limit_changed,
    opened,
    payment,
    posted,
    returned,
    settings_for,
    wait_for_messages,
)
from harness.postgres import TestDatabase
from harness.raw_records import send_bytes
from harness.waiting import wait_until
from txplatform.consumers.parked_messages import retry_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.database import Database


def statuses(database: TestDatabase) -> list[tuple[str, str | None]]:
    """Return the status and reason of each message, in the order they were applied."""
    return [(message.status.value, message.reason) for message in inbox(database)]


def test_messages_are_applied_to_their_accounts(database: TestDatabase, topics: str) -> None:
    """An opening, a limit change, a payment and its return each cause an event."""
    with consuming(settings_for(database, topics)) as consumer:
        sender = Sender(topics)
        for step, (topic, body) in enumerate(
            [
                (OPENED, opened("acc-1")),
                (LIMIT_CHANGED, limit_changed("acc-1", 1, 700_000)),
                (SUBMITTED, payment("p-1", "acc-1", 300)),
                (SUBMITTED, payment("p-2", "acc-1", 50)),
                (RETURNED, returned("p-1", "acc-1", 300)),
            ]
        ):
            sender.send(topic, body)
            sender.flush()
            wait_for_messages(database, step + 1)
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready")
    assert statuses(database) == [("applied", None)] * 5
    assert [message.account_version for message in inbox(database)] == [1, 2, 3, 4, 5]
    assert posted(database, "acc-1") == -50
    ((event_id,),) = execute(
        database,
        "SELECT convert_from(state, 'UTF8')::json ->> 'event_id' FROM events"
        " WHERE event_key = 'payment:p-1'",
    )
    assert inbox(database)[2].event_id == event_id


RUBBISH: list[tuple[str, str, bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
    ("not_json", SUBMITTED, b"acc-1", b"\xff\xfe", []),
    ("not_json", SUBMITTED, b"acc-1", b"{", []),
    ("not_json", SUBMITTED, b"acc-1", b'{"amount": 1, "amount": 2}', []),
    ("not_json", SUBMITTED, b"acc-1", b'{"amount": NaN}', []),
    ("not_json", SUBMITTED, b"acc-1", b"[" * 100_000, []),
    ("empty_body", SUBMITTED, b"acc-1", b"", []),
    ("empty_body", SUBMITTED, b"acc-1", None, []),
    ("empty_body", SUBMITTED, None, None, []),
    ("schema_violation", SUBMITTED, b"acc-1", b"[]", []),
    ("schema_violation", SUBMITTED, b"acc-1", b'"\\ud800"', []),
    ("schema_violation", SUBMITTED, b"acc-1", b"{}", []),
    *(
        (
            "schema_violation",
            SUBMITTED,
            b"acc-1",
            json.dumps({**payment("bad", "acc-1"), **change}).encode(),
            [],
        )
        for change in (
            {"amount": -1},
            {"amount": 1.5},
            {"amount": "1"},
            {"amount": True},
            {"amount": None},
            {"amount": 10**15},
            {"amount": 10**400},
            {"currency": "usd"},
            {"currency": "QQQ"},
            {"payment_id": "a\x00b"},
            {"payment_id": ""},
            {"payment_id": 4111111111111111},
            {"payment_id": "x" * 65},
        )
    ),
    ("schema_violation", RETURNED, b"acc-1", json.dumps({"account_id": "acc-1"}).encode(), []),
    ("key_mismatch", SUBMITTED, b"acc-2", json.dumps(payment("bad", "acc-1")).encode(), []),
    ("key_mismatch", SUBMITTED, None, json.dumps(payment("bad", "acc-1")).encode(), []),
    ("key_mismatch", SUBMITTED, b"\xff", json.dumps(payment("bad", "acc-1")).encode(), []),
    (
        "wrong_type",
        SUBMITTED,
        b"acc-1",
        json.dumps(payment("bad", "acc-1")).encode(),
        [("ce_specversion", b"1.0"), ("ce_type", b"something.else")],
    ),
    (
        "unsupported_envelope",
        SUBMITTED,
        b"acc-1",
        json.dumps(payment("bad", "acc-1")).encode(),
        [("ce_specversion", b"0.3"), ("ce_type", SUBMITTED.encode())],
    ),
    (
        "unsupported_envelope",
        SUBMITTED,
        b"acc-1",
        b"[]",
        [("content-type", b"application/cloudevents-batch+json")],
    ),
    (
        "currency_mismatch",
        SUBMITTED,
        b"acc-1",
        json.dumps(payment("eur", "acc-1", currency="EUR")).encode(),
        [],
    ),
    (
        "conflicting_copy",
        SUBMITTED,
        b"acc-1",
        json.dumps(payment("p-1", "acc-1", 999)).encode(),
        [],
    ),
    (
        "conflicting_copy",
        OPENED,
        b"acc-1",
        json.dumps(opened("acc-1", credit_limit=1)).encode(),
        [],
    ),
    (
        "return_differs_from_payment",
        RETURNED,
        b"acc-1",
        json.dumps(returned("p-1", "acc-1", 99)).encode(),
        [],
    ),
]


def test_each_invalid_message_is_parked_with_its_reason_and_affects_no_other(
    database: TestDatabase, topics: str
) -> None:
    """An invalid message changes no account, and later messages are applied (I2)."""
    sender = Sender(topics)
    with consuming(settings_for(database, topics, consumer_batch_messages=7)):
        sender.send(OPENED, opened("acc-1"))
        sender.flush()
        wait_for_messages(database, 1)
        sender.send(SUBMITTED, payment("p-1", "acc-1", 100))
        sender.flush()
        wait_for_messages(database, 2)
        events = execute(database, "SELECT count(*) FROM events")
        for reason, topic, key, body, headers in RUBBISH:
            sender.send_raw(topic, key, body, [*headers, ("expected", reason.encode())])
        sender.flush()
        wait_for_messages(database, 2 + len(RUBBISH))
        assert execute(database, "SELECT count(*) FROM events") == events
        sender.send(SUBMITTED, payment("p-2", "acc-1", 5))
        sender.flush()
        wait_for_messages(database, 3 + len(RUBBISH))
    assert posted(database, "acc-1") == -105
    found = execute(
        database,
        """
        SELECT convert_from(decode(headers -> -1 ->> 1, 'base64'), 'UTF8'), reason, status, detail
        FROM inbound_messages m JOIN inbound_contents ON message_id = m.id
        WHERE reason IS NOT NULL ORDER BY m.id
        """,
    )
    assert len(found) == len(RUBBISH)
    assert [row for row in found if row[0] != row[1]] == []
    assert {row[2] for row in found} <= {"parked", "duplicate"}
    assert "4111111111111111" not in "".join(row[3] for row in found)


def test_a_message_with_an_unreadable_header_name_is_parked(
    database: TestDatabase, topics: str
) -> None:
    """The name of a header may be any bytes; such a message does not block others."""
    sender = Sender(topics)
    sender.send(OPENED, opened("acc-1"))
    body = json.dumps(payment("p-1", "acc-1", 42)).encode()
    send_bytes(topics, SUBMITTED, b"acc-1", body, [(b"na\xefve", b"1"), (b"more", b"2")])
    sender.send(SUBMITTED, payment("p-1", "acc-1", 42))
    sender.flush()
    with consuming(settings_for(database, topics)):
        wait_for_messages(database, 3)
    (parked,) = inbox(database, status=MessageStatus.PARKED)
    assert parked.reason == "unreadable_headers"
    assert posted(database, "acc-1") == -42
    with Database(database.service_url).connect() as connection:
        outcome = retry_message(connection, parked.id, OPERATOR)
    assert outcome.status is MessageStatus.PARKED


def binary(body: dict[str, object]) -> tuple[bytes, list[tuple[str, bytes | None]]]:
    """Return a CloudEvent in binary mode."""
    return json.dumps(body).encode(), [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"/payments"),
        ("ce_type", SUBMITTED.encode()),
        ("content-type", b"application/json; charset=utf-8"),
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]


def structured(body: dict[str, object]) -> tuple[bytes, list[tuple[str, bytes | None]]]:
    """Return a CloudEvent in structured mode."""
    envelope = {
        "specversion": "1.0",
        "id": "1",
        "source": "/payments",
        "type": SUBMITTED,
        "time": TIME,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": body,
    }
    return json.dumps(envelope).encode(), [("content-type", b"application/cloudevents+json")]


def structured_base64(body: dict[str, object]) -> tuple[bytes, list[tuple[str, bytes | None]]]:
    """Return a CloudEvent in structured mode with its data as base64."""
    envelope = {
        "specversion": "1.0",
        "id": "1",
        "source": "/payments",
        "type": SUBMITTED,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data_base64": base64.b64encode(json.dumps(body).encode()).decode(),
    }
    return json.dumps(envelope).encode(), []


@pytest.mark.parametrize("wrap", [binary, structured, structured_base64])
def test_a_cloudevent_is_applied_with_its_trace(
    wrap: Callable[[dict[str, object]], tuple[bytes, list[tuple[str, bytes | None]]]],
    database: TestDatabase,
    topics: str,
) -> None:
    """In each mode the event has the sender's trace context."""
    sender = Sender(topics)
    sender.send(OPENED, opened("acc-1"))
    body, headers = wrap(payment("p-1", "acc-1", 42))
    sender.send_raw(SUBMITTED, b"acc-1", body, headers)
    sender.flush()
    with consuming(settings_for(database, topics)):
        wait_for_messages(database, 2)
    assert posted(database, "acc-1") == -42
    ((traceparent,),) = execute(
        database,
        "SELECT convert_from(state, 'UTF8')::json ->> 'traceparent' FROM events"
        " WHERE event_key IN ('payment:p-1', 'waiting:payment:p-1') LIMIT 1",
    )
    assert traceparent == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_waiting_message_is_applied_or_parked_when_its_prerequisite_comes(
    database: TestDatabase, topics: str
) -> None:
    """The inbox derives the new status from the log."""
    sender = Sender(topics)
    with consuming(settings_for(database, topics)):
        sender.send(SUBMITTED, payment("good", "acc-1", 10))
        sender.send(SUBMITTED, payment("bad", "acc-1", 10, currency="EUR"))
        sender.flush()
        wait_for_messages(database, 2)
        sender.send(RETURNED, returned("later", "acc-1", 7))
        sender.flush()
        wait_for_messages(database, 3)
        assert [message.status.value for message in inbox(database)] == ["waiting"] * 3
        sender.send(OPENED, opened("acc-1"))
        sender.flush()
        wait_for_messages(database, 4)
        sender.send(SUBMITTED, payment("bad", "acc-1", 10, currency="EUR"))
        sender.flush()
        wait_for_messages(database, 5)
    good, bad, later, _, bad_again = inbox(database)
    assert (bad_again.status.value, bad_again.reason) == ("duplicate", "currency_mismatch")
    assert (good.status.value, bad.status.value, later.status.value) == (
        "applied",
        "parked",
        "waiting",
    )
    assert bad.reason == "currency_mismatch"
    assert [message.id for message in inbox(database, status=bad.status)] == [bad.id]
    assert [message.id for message in inbox(database, status=later.status)] == [later.id]
    assert good.id in [message.id for message in inbox(database, status=good.status)]
    assert posted(database, "acc-1") == -10


def test_the_same_stream_twice_changes_nothing(database: TestDatabase, topics: str) -> None:
    """It is read again after a reset of the positions, and resent with new offsets (I3)."""
    sender = Sender(topics)
    bodies = [
        (OPENED, opened("acc-1")),
        *((SUBMITTED, payment(f"p-{n}", "acc-1", n)) for n in range(1, 50)),
        (RETURNED, returned("p-3", "acc-1", 3)),
        (LIMIT_CHANGED, limit_changed("acc-1", 2, 9)),
        (LIMIT_CHANGED, limit_changed("acc-1", 1, 8)),
    ]
    for topic, body in bodies:
        sender.send(topic, body)
    sender.send_raw(SUBMITTED, b"acc-1", b"rubbish")
    sender.flush()
    count = len(bodies) + 1
    log = "SELECT originator_id, originator_version, state FROM events ORDER BY position"
    with consuming(settings_for(database, topics)):
        wait_for_messages(database, count)
    events = execute(database, log)
    rows = inbox(database)
    assert posted(database, "acc-1") == -(sum(range(1, 50)) - 3)

    execute(database, "DELETE FROM inbound_positions")
    with consuming(settings_for(database, topics)):
        wait_until(
            lambda: (
                execute(database, "SELECT sum(next_offset) FROM inbound_positions") == [(count,)]
            ),
            message="everything to be read again",
        )
    assert execute(database, log) == events
    assert inbox(database) == rows

    for topic, body in bodies:
        sender.send(topic, body)
    sender.send_raw(SUBMITTED, b"acc-1", b"rubbish")
    sender.flush()
    with consuming(settings_for(database, topics)):
        wait_for_messages(database, 2 * count)
    assert execute(database, log) == events
    assert {message.status.value for message in inbox(database)[count:]} == {"duplicate"}
