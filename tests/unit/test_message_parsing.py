"""Account and business key of inbound messages, also of those that are rejected."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inbound import (
    LIMIT_CHANGED,
    OPENED,
    PRESENTED,
    RETURNED,
    STATUS_CHANGED,
    SUBMITTED,
    Body,
    limit_changed,
    opened,
    payment,
    presentment,
    returned,
    status_changed,
)
from txplatform.consumers.parsing import Rejection, account_of_key, read_message
from txplatform.contracts.messages import INBOUND
from txplatform.domain.commands import Command
from txplatform.inbox.message import Headers, ReceivedMessage

BODIES: dict[str, Body] = {
    OPENED: opened("acc-1"),
    LIMIT_CHANGED: limit_changed("acc-1", 3, 5),
    STATUS_CHANGED: status_changed("frozen", 3),
    SUBMITTED: payment("p/1", "acc-1"),
    RETURNED: returned("p/1", "acc-1"),
    PRESENTED: presentment("c 1"),
}
assert {*BODIES} == {*INBOUND}

topics = pytest.mark.parametrize("topic", BODIES)


def parse(
    topic: str, body: Body, key: bytes | None = b"acc-1", headers: Headers = ()
) -> Command | Rejection:
    """Parse a message with this key."""
    value = json.dumps(body).encode()
    return read_message(
        ReceivedMessage("cluster", topic, "id", 0, 0, None, key, headers, value)
    ).command


@topics
@given(blanks=st.tuples(*[st.integers(0, 3)] * 4))
def test_blanks_around_key_and_account_make_no_difference(
    topic: str, blanks: tuple[int, int, int, int]
) -> None:
    before, after, before_key, after_key = (" " * number for number in blanks)
    body = BODIES[topic] | {"account_id": f"{before}acc-1{after}"}
    key = f"{before_key}acc-1{after_key}".encode()
    assert parse(topic, body, key) == parse(topic, BODIES[topic])
    assert account_of_key(key) == "acc-1"


def damaged(body: Body) -> Body:
    """Return the body with another checked field missing."""
    field = "status" if "status" in body else "currency"
    return {name: value for name, value in body.items() if name != field}


REJECTED = {
    "schema_violation": lambda topic: parse(topic, damaged(BODIES[topic])),
    "key_mismatch": lambda topic: parse(topic, BODIES[topic], None),
    "wrong_type": lambda topic: parse(topic, BODIES[topic], headers=(("ce_type", b"other"),)),
}


@topics
@pytest.mark.parametrize("reason", REJECTED)
def test_a_rejected_message_has_the_account_and_the_business_key_of_its_body(
    topic: str, reason: str
) -> None:
    rejected, command = REJECTED[reason](topic), parse(topic, BODIES[topic])
    assert isinstance(rejected, Rejection)
    assert rejected.reason == reason
    assert (rejected.account_id, rejected.key) == (command.account_id, command.key)


@topics
@pytest.mark.parametrize("unreadable", [None, 0, -1, "", "\u0000", "x" * 65, ["p"]])
def test_an_id_that_cannot_be_read_is_not_kept(topic: str, unreadable: object) -> None:
    name = INBOUND[topic].ID
    rejected = parse(topic, BODIES[topic] | {name: unreadable})
    assert isinstance(rejected, Rejection)
    assert rejected.key is None
    assert rejected.account_id == (None if name == "account_id" else "acc-1")


@pytest.mark.parametrize("data", [None, 1, "text", [], [BODIES[SUBMITTED]]])
def test_a_body_that_is_no_object_has_no_ids(data: object) -> None:
    value = json.dumps(data).encode()
    message = ReceivedMessage("cluster", SUBMITTED, "id", 0, 0, None, b"acc-1", (), value)
    command = read_message(message).command
    assert isinstance(command, Rejection)
    assert (command.account_id, command.key) == (None, None)


def test_the_account_of_a_key_is_read_as_in_a_body() -> None:
    """An id that looks like a card number is accepted in an advice, and so is such a key."""
    body = payment("p-1", "tx-4111111111111111")
    accepted = parse(SUBMITTED, body, b"tx-4111111111111111")
    assert accepted.account_id == account_of_key(b"tx-4111111111111111")
    assert [account_of_key(key) for key in (None, b"", b"a b", b"\xff", b"..")] == [None] * 5
