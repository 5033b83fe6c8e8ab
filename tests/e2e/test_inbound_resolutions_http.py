"""Parked messages are retried and discarded over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from harness.api import RunningApi, create_key
from harness.commands import opening
from harness.commands import payment as payment_of
from harness.histories import record
from harness.inbound import execute, inbox, payment, returned, status_changed
from harness.members import Member
from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform.database import Database


@pytest.fixture
def member(database: TestDatabase) -> Iterator[Member]:
    """A member of the consumer group, and an open account."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc-1")])
        yield Member(connection)


@pytest.fixture
def client(own_api: RunningApi) -> httpx.Client:
    """A client of an API on the test's database."""
    return own_api.client


def resolve(client: httpx.Client, message_id: int, how: str, **body: str) -> httpx.Response:
    """Retry or discard a message."""
    return client.post(f"/v1/inbound-messages/{message_id}/{how}", json=body or None)


def test_a_parked_message_is_retried_once_its_cause_is_gone(
    database: TestDatabase, member: Member, client: httpx.Client
) -> None:
    """Here a return that differs from the payment in the log, which was altered."""
    record(member.connection, [payment_of("acc-1", "p-1", 7)])
    member.apply(returned("p-1", "acc-1", 70))
    (message,) = inbox(database)
    again = resolve(client, message.id, "retries").json()
    assert (again["status"], again["reason"]) == ("parked", "return_differs_from_payment")
    execute(database, "ALTER TABLE events DISABLE TRIGGER USER")
    execute(
        database,
        "UPDATE events SET state = replace(convert_from(state, 'UTF8'), ':7,', ':70,')::bytea"
        " WHERE event_key = 'payment:p-1'",
    )
    applied = resolve(client, message.id, "retries").json()
    assert (applied["status"], applied["reason"]) == ("applied", None)
    assert applied["event_id"]
    assert applied["resolved_by"].startswith("test (key_")
    assert resolve(client, message.id, "retries").status_code == 409


def test_a_parked_message_is_discarded_with_a_reason(
    database: TestDatabase, member: Member, client: httpx.Client
) -> None:
    member.apply(payment("p-1", "acc-1", 5, currency="EUR"))
    (message,) = inbox(database)
    assert resolve(client, message.id, "discards").status_code == 400
    discarded = resolve(client, message.id, "discards", reason="Sent twice.").json()
    assert (discarded["status"], discarded["resolution"]) == ("discarded", "Sent twice.")
    assert discarded["resolved_by"].startswith("test (key_")
    refused = resolve(client, message.id, "discards", reason="Again.")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/message-not-parked")


def test_a_message_that_does_not_exist_is_404(client: httpx.Client) -> None:
    refused = resolve(client, 77, "retries")
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/message-not-found")


def test_the_parked_messages_of_a_topic_and_a_reason_are_retried_in_bulk(
    database: TestDatabase, member: Member, client: httpx.Client
) -> None:
    """They were in another currency than their account, which is then altered."""
    euros = [payment(f"e-{n}", "acc-2", 5, currency="EUR") for n in range(3)]
    record(member.connection, [opening("acc-2")])
    member.apply(*euros, payment("p-1", "acc-1", 5, currency="EUR"))
    execute(database, "ALTER TABLE events DISABLE TRIGGER USER")
    execute(
        database,
        "UPDATE events SET state = replace(convert_from(state, 'UTF8'), 'USD', 'EUR')::bytea"
        " WHERE originator_id = 'account-acc-2'",
    )
    topic = "payments.payment-submitted.v1"
    path = "/v1/inbound-messages/retries"
    done = client.post(path, json={"topic": topic, "reason": "currency_mismatch"}).json()
    assert done == {"settled": 3, "parked": 1, "next_after_id": None}
    none = client.post(path, json={"topic": topic, "reason": "not_json"}).json()
    assert none == {"settled": 0, "parked": 0, "next_after_id": None}
    unknown = client.post(path, json={"topic": "no.such.topic", "reason": "not_json"})
    assert unknown.status_code == 422


def test_readyz_names_a_parked_freeze_and_stays_ready(member: Member, client: httpx.Client) -> None:
    assert client.get("/readyz").json() == {"status": "ready", "detail": ""}
    member.apply(status_changed("stopped", 1))

    def said() -> bool:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        return "1 parked status change without effect" in answer.json()["detail"]

    wait_until(said)


def test_resolving_needs_the_scope(own_api: RunningApi) -> None:
    key = create_key(own_api.env, "audit:read", "accounts:write")
    own_api.client.headers["Authorization"] = f"Bearer {key}"
    assert resolve(own_api.client, 1, "retries").status_code == 403
    assert resolve(own_api.client, 1, "discards", reason="No.").status_code == 403


def test_readyz_stays_ready_while_alarms_cannot_be_looked_up(
    database: TestDatabase, member: Member, client: httpx.Client
) -> None:
    """It goes on naming those that were found before."""
    member.apply(status_changed("stopped", 1))

    def said(*words: str) -> bool:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        return all(each in answer.json()["detail"] for each in words)

    wait_until(lambda: said("1 parked status change"))
    with psycopg.connect(database.owner_url) as other:
        other.execute("LOCK TABLE inbound_messages IN ACCESS EXCLUSIVE MODE")
        wait_until(lambda: said("1 parked status change", "could not be looked up"))
        other.rollback()
    wait_until(lambda: not said("could not be looked up"))
