"""The inbox and the dead letters keep no card number, whatever part of a message holds it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from harness.commands import OPERATOR, opening
from harness.histories import record, stored_account
from harness.inbound import (
    PRESENTED,
    STATUS_CHANGED,
    SUBMITTED,
    execute,
    payment,
    presentment,
    status_changed,
)
from harness.postgres import TestDatabase
from txplatform.consumers.batch_processor import InboundBatch, process
from txplatform.consumers.parked_messages import (
    ContentsWithheldError,
    discard_message,
    retry_message,
)
from txplatform.consumers.parsing import read_message
from txplatform.contracts.inbound_messages import InboundMessageResponse
from txplatform.inbox.contents import keepable
from txplatform.inbox.message import Headers, ReceivedMessage
from txplatform.inbox.positions import Move, Position, begin
from txplatform.inbox.reader import stored_message
from txplatform.processing.account_cache import AccountCache
from txplatform.publisher.feed import Record
from txplatform.publisher.parked_messages import ParkedMessages
from txplatform.publisher.rejected_messages import RejectedMessages

CARD = "4111111111111111"
PARTS = (CARD, "4111 1111 1111 1111", base64.b64encode(CARD.encode()).decode())
BAD = {**payment("p", "acc-1"), "amount": "1", "note": f"card {CARD}"}
"""A payment that can never be applied, with a card number in a field that nobody reads."""


def take(
    connection: psycopg.Connection,
    topic: str,
    body: dict[str, Any] | bytes,
    *,
    key: bytes = b"acc-1",
    headers: Headers = (),
) -> InboundMessageResponse:
    """Process one message as the consumer does; return its row of the inbox."""
    ((offset,),) = connection.execute("SELECT count(*) FROM inbound_messages").fetchall()
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = ReceivedMessage("cluster", topic, "id", 0, offset, None, key, headers, sent)
    begin(connection, "cluster", [Position(topic, 0, "id", offset)])
    connection.execute("UPDATE inbound_positions SET next_offset = %s", (offset,))
    move = Move(topic, 0, offset, offset + 1)
    process(
        connection,
        AccountCache(10),
        InboundBatch("cluster", [read_message(message)], [move], datetime.now(UTC)),
    )
    ((newest,),) = connection.execute("SELECT max(id) FROM inbound_messages").fetchall()
    stored = stored_message(connection, newest)
    assert stored is not None
    return stored.summary


def stored_text(database: TestDatabase) -> str:
    """Return the contents of the inbox as text, with headers and bytes decoded."""
    rows = execute(
        database,
        "SELECT coalesce(convert_from(key, 'LATIN1'), ''), headers::text,"
        " coalesce(convert_from(body, 'LATIN1'), ''), coalesce(detail, '')"
        " FROM inbound_messages m JOIN inbound_contents ON message_id = m.id",
    )
    return "\n".join(part for row in rows for part in row)


def written(letter: Record) -> str:
    """Return a dead letter as text."""
    parts = [letter.key, letter.body, *(value for _, value in letter.headers)]
    names = [name for name, _ in letter.headers]
    return "\n".join([*names, *(part.decode("latin-1") for part in parts if part is not None)])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BAD, ()),
        (json.dumps(BAD).replace("4111", "\\u0034111").encode(), ()),
        ({**BAD, "note": "4111\t1111\t1111\t1111"}, ()),
        ({**BAD, "note": {"deep": [{CARD: 1}]}}, ()),
        ({**BAD, "note": int(CARD)}, ()),
        (f"not json, {CARD}".encode(), ()),
        (f"not json, {CARD}".encode("utf-16"), ()),
        ({"data_base64": base64.b64encode(json.dumps(BAD).encode()).decode()}, ()),
        ({**BAD, "note": ""}, (("x-card", CARD.encode()),)),
        ({**BAD, "note": ""}, ((f"x-{CARD}", b"1"),)),
    ],
    ids=str,
)
def test_a_parked_message_with_a_card_number_leaves_none_behind(
    service: psycopg.Connection,
    database: TestDatabase,
    body: dict[str, Any] | bytes,
    headers: Headers,
) -> None:
    """It cannot be retried, is recognised when it comes again, and can be discarded."""
    parked = take(service, SUBMITTED, body, headers=headers)
    assert (parked.status, parked.withheld) == ("parked", True)
    assert not any(part in stored_text(database) for part in PARTS)
    batch = ParkedMessages().read(service, 0)
    assert batch is not None
    (letter,) = batch.records
    assert not any(part in written(letter) for part in PARTS)
    assert ("dlq_withheld", b"card_number") in letter.headers
    with pytest.raises(ContentsWithheldError, match="held a card number"):
        retry_message(service, parked.id, OPERATOR)
    assert take(service, SUBMITTED, body, headers=headers).status == "duplicate"
    discard_message(service, parked.id, "sent in error", OPERATOR)
    assert take(service, SUBMITTED, body, headers=headers).status == "discarded"


def test_an_applied_message_with_a_card_number_is_applied_and_its_body_is_not_kept(
    service: psycopg.Connection, database: TestDatabase
) -> None:
    record(service, [opening("acc-1")])
    body = {**status_changed("frozen", 1), "reason": "Card 4111 1111 1111 1111 reported lost."}
    frozen = take(service, STATUS_CHANGED, body)
    assert (frozen.status, frozen.withheld) == ("applied", True)
    assert frozen.flags == ["description_incomplete"]
    assert stored_account(database, "acc-1").status == "frozen"
    assert "4111 1111" not in stored_text(database)
    ((state,),) = execute(database, "SELECT state FROM events ORDER BY position DESC LIMIT 1")
    assert "Card **** **** **** 1111 reported lost." in state.decode()


def test_an_id_that_looks_like_a_card_number_holds_up_no_money(
    service: psycopg.Connection, database: TestDatabase
) -> None:
    """Its key is not kept either. The id itself stays, as the key of the payment."""
    record(service, [opening(CARD)])
    body = payment(f"pay-{CARD}", CARD, 70)
    paid = take(service, SUBMITTED, body, key=CARD.encode())
    assert (paid.status, paid.withheld) == ("applied", True)
    assert paid.flags == ["id_like_card_number"]
    assert stored_account(database, CARD).posted == -70
    assert CARD not in stored_text(database)
    again = take(service, SUBMITTED, {**body, "amount": 71}, key=CARD.encode())
    assert (again.status, again.reason) == ("parked", "conflicting_copy")
    assert CARD not in stored_text(database)


def test_a_waiting_message_with_a_card_number_leaves_none_in_its_dead_letter(
    service: psycopg.Connection,
) -> None:
    """It is rejected when its account is opened in another currency."""
    body = presentment("c", 5, currency="EUR", reference=CARD)
    waiting = take(service, PRESENTED, body)
    assert (waiting.status, waiting.withheld) == ("waiting", True)
    record(service, [opening("acc-1")])
    batch = RejectedMessages().read(service, 0)
    assert batch is not None
    (letter,) = batch.records
    assert CARD not in written(letter)
    assert ("dlq_withheld", b"card_number") in letter.headers


def test_a_merchants_id_that_looks_like_a_card_number_withholds_nothing(
    service: psycopg.Connection,
) -> None:
    """Numeric ids of acceptors look alike."""
    merchant = {"id": CARD, "name": "Shop", "category_code": "5942", "country": "USA"}
    taken = take(service, PRESENTED, presentment("c", 5, merchant=merchant))
    assert taken.withheld is False
    nested = {"data": {"merchant": {"id": CARD, "name": "Shop"}}}
    assert not keepable(None, (), json.dumps(nested).encode()).withheld


def flawed(member: str) -> bytes:
    """Return the JSON of an object with a number that is too large, and with this member."""
    return f'{{"a": 1e400, {member}}}'.encode()


ENCODED = base64.b64encode(flawed(f'"b": "{CARD}"')).decode()


@pytest.mark.parametrize(
    "body",
    [
        flawed('"b": "\\u0034111111111111111"'),
        flawed(f'"b": {CARD}e400'),
        flawed(f'"b": "{CARD}", "b": ""'),
        flawed(f'"{CARD}": 1, "{CARD}": 2'),
        flawed('"b": ' + "[" * 5000 + '"\\u0034111111111111111"' + "]" * 5000),
        flawed('"b": ' + "[" * 500 + f'{{"c": "{CARD}"}}' + "]" * 500),
        flawed(f'"merchant": {{"id": "1", "id": "2", "name": "{CARD}"}}'),
        flawed(f'"data_base64": "{ENCODED}"'),
        flawed(f'"data_base64": "{ENCODED}", "data_base64": ""'),
    ],
    ids=lambda body: body[:60],
)
def test_a_card_number_is_found_in_json_with_flaws(body: bytes) -> None:
    assert keepable(None, (), body).withheld


@pytest.mark.parametrize(
    "body",
    [
        flawed(f'"merchant": {{"id": "{CARD}", "name": "Shop"}}'),
        flawed(f'"merchant": {{"id": "{CARD}"}}, "merchant": {{"id": "{CARD}"}}'),
        flawed('"data_base64": "\u00e9"'),
        flawed('"data_base64": "%"'),
    ],
)
def test_json_with_flaws_and_without_a_card_number_is_kept(body: bytes) -> None:
    assert keepable(None, (), body).body == body


def test_every_installation_has_its_own_key(
    service: psycopg.Connection, database: TestDatabase
) -> None:
    """The service may read the key but not change it."""
    ((secret,),) = execute(database, "SELECT secret FROM installation_secrets")
    assert len(secret) == 32
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute("UPDATE installation_secrets SET secret = ''::bytea")


def test_a_duplicate_with_another_description_names_the_fields_that_differ(
    service: psycopg.Connection,
) -> None:
    record(service, [opening("acc-1")])
    take(service, PRESENTED, presentment("c", 5))
    again = take(
        service, PRESENTED, presentment("c", 5, presented_at="2026-11-21", reference="R-1")
    )
    assert (again.status, again.reason) == ("duplicate", None)
    assert again.detail == "Differs from the first copy in presented_at, reference."
    other = take(service, PRESENTED, presentment("c", 6))
    assert other.reason == "conflicting_copy"
    assert other.detail is not None
    assert "other values of amount" in other.detail
