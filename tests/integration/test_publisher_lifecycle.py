"""All events of authorizations are published completely, in order and once (I5)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from conftest import TOPICS_OUT
from harness.commands import (
    NOW,
    SHOP,
    clearing,
    correction,
    opening,
    payment,
    payment_return,
    purchase,
    refund,
    reversal,
)
from harness.histories import read_whole_log, record, stored_account
from harness.inbound import settings_for
from harness.postgres import TestDatabase
from harness.published import Order, deduped, publishing, read_topic, wait_for_publisher
from harness.waiting import wait_until
from txplatform.api.asyncapi import message_schemas
from txplatform.cli.message_check import check_message
from txplatform.contracts.messages import PresentmentReceivedMessage
from txplatform.contracts.outbound import (
    TransactionCleared,
    TransactionHoldExpired,
    TransactionRefunded,
    TransactionReversed,
)
from txplatform.database import Database
from txplatform.domain.advices import Direction
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import HoldExpiry
from txplatform.publisher import TOPICS

CLEARED = TransactionCleared.TOPIC
REVERSED = TransactionReversed.TOPIC
REFUNDED = TransactionRefunded.TOPIC
EXPIRED = TransactionHoldExpired.TOPIC
TX = TransactionId("tx")
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def history(account_id: str) -> list[Command]:
    """A purchase with every kind of later event except expiry."""
    return [
        opening(account_id),
        purchase(account_id, "tx", 1000),
        reversal(account_id, TX, "r1", 100),
        clearing(account_id, TX, "c1", 300, final=False),
        correction(account_id, TX, "c2", "c1", 300, Direction.CREDIT),
        clearing(account_id, TX, "c3", 250, final=False),
        refund(account_id, TX, "f1", 50, merchant=SHOP, presented=True),
        correction(account_id, TX, "c4", "f1", 50, Direction.DEBIT),
        reversal(account_id, TX, "r2"),
        payment(account_id, "p1", 40),
        payment(account_id, "p2", 9),
        payment_return(account_id, "p2", 9),
    ]


def expected(database: TestDatabase) -> dict[str, Order]:
    """Return the events that each topic should have, according to the log."""
    orders: dict[str, Order] = {name: {} for name in TOPICS}
    with Database(database.service_url).connect() as connection:
        for logged in read_whole_log(connection):
            for name, topic in TOPICS.items():
                if isinstance(logged.event, topic.events):
                    account_id = logged.event.originator_id.removeprefix("account-")
                    orders[name].setdefault(account_id, []).append(logged.event.event_id)
    return orders


def test_i5_every_topic_without_copies_equals_the_log_even_if_sent_twice(
    database: TestDatabase, topics: str
) -> None:
    """The changes on all topics add up to the amount owed by each account."""
    accounts = [f"acc-{number}" for number in range(20)]
    with Database(database.service_url).connect() as connection:
        for commands in zip(*map(history, accounts), strict=True):
            record(connection, commands)
    settings = settings_for(database, topics)
    documented = re.search(r"`(UPDATE checkpoints [^`]+)`", OPERATIONS.read_text(encoding="utf-8"))
    assert documented
    for _ in range(2):
        with publishing(settings):
            wait_for_publisher(database)
        with psycopg.connect(database.owner_url) as owner:
            assert owner.execute(documented[1].encode()).rowcount == 1
    in_log = expected(database)
    found = {name: read_topic(topics, name) for name in TOPICS}
    assert {name: deduped(records) for name, records in found.items()} == in_log
    assert len(found[CLEARED]) == 2 * 20 * 4
    changes: dict[str, int] = {}
    everything = [each for records in found.values() for each in records]
    for each in {each.header("event_id"): each for each in everything}.values():
        body = each.json
        change = body.get("posted_change", 0)
        changes[body["account_id"]] = changes.get(body["account_id"], 0) + change
    owed = {each: stored_account(database, each).posted for each in accounts}
    assert changes == owed == dict.fromkeys(accounts, 210)


def test_bodies_follow_their_schemas_and_headers_those_of_decisions(
    database: TestDatabase, topics: str
) -> None:
    with Database(database.service_url).connect() as connection:
        for command in history("acc-1"):
            record(connection, [command])
        record(connection, [opening("acc-2"), purchase("acc-2", "tx", 700)])
        late = NOW + timedelta(days=400)
        record(connection, [HoldExpiry(AccountId("acc-2"), TX)], begin=late)
    with publishing(settings_for(database, topics)):
        wait_for_publisher(database)
    schemas = message_schemas()
    for name in TOPICS_OUT:
        for each in read_topic(topics, name):
            jsonschema.validate(each.json, schemas[name])
            assert check_message("it", each.body or b"", name).findings == ()
            assert each.header("ce_type") == name
            assert each.header("ce_id") == each.header("event_id") == each.json["event_id"]
            assert (
                each.header("ce_subject") == each.json["account_id"] == (each.key or b"").decode()
            )
            assert each.header("account_version") == str(each.json["account_version"])
            assert each.header("traceparent") == "00-0-0-00"
    cleared = [each.json for each in read_topic(topics, CLEARED)]
    assert [
        (each["clearing_id"], each["direction"], each["posted_change"], each["balance"]["posted"])
        for each in cleared
    ] == [
        ("c1", "debit", 300, 300),
        ("c2", "credit", -300, 0),
        ("c3", "debit", 250, 250),
        ("c4", "debit", 50, 250),
    ]
    assert [each["reverses_clearing_id"] for each in cleared] == [None, "c1", None, "f1"]
    assert [each["released"] for each in cleared] == [300, 0, 250, 0]
    reversals = [each.json for each in read_topic(topics, REVERSED)]
    assert [(each["amount"], each["released"]) for each in reversals] == [(100, 100), (None, 350)]
    assert [each["flags"] for each in reversals] == [[], []]
    (refunded,) = (each.json for each in read_topic(topics, REFUNDED))
    assert (refunded["posted_change"], refunded["balance"]["posted"]) == (-50, 200)
    (expired,) = (each.json for each in read_topic(topics, EXPIRED))
    assert (expired["released"], expired["balance"]["pending"]) == (700, 0)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            clearing("acc-1", TX, "x", 5, final=False, currency="EUR"),
            {"direction": "debit", "final": False, "merchant": None},
        ),
        (
            refund("acc-1", TX, "x", 5, currency="EUR", merchant=SHOP, presented=True),
            {"direction": "credit", "merchant": {"id": "m-17", "name": "Corner Books"}},
        ),
    ],
)
def test_a_rejected_message_from_http_is_a_dead_letter_in_the_form_of_a_presentment(
    database: TestDatabase, topics: str, command: Command, said: dict[str, Any]
) -> None:
    """There is no original message to repeat."""
    with Database(database.service_url).connect() as connection:
        record(connection, [command])
        record(connection, [opening("acc-1")])
    with publishing(settings_for(database, topics)):
        wait_until(lambda: read_topic(topics, f"{PresentmentReceivedMessage.TOPIC}.dlq"))
    (dead,) = read_topic(topics, f"{PresentmentReceivedMessage.TOPIC}.dlq")
    body = json.loads(dead.body or b"")
    assert (body["clearing_id"], body["currency"]) == ("x", "EUR")
    if said["merchant"] is not None:
        assert body["merchant"].items() >= said.pop("merchant").items()
    assert body.items() >= said.items()
    assert dead.header("dlq_reason") == "currency_mismatch"
    assert PresentmentReceivedMessage.model_validate(body).to_command().keys == command.keys
