"""`txplatform inbound`: list, show, retry, discard and reset."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.inbound import (
    OPENED,
    SUBMITTED,
    Sender,
    consuming,
    execute,
    inbox,
    opened,
    payment,
    posted,
    settings_for,
    wait_for_messages,
)
from harness.postgres import TestDatabase
from harness.processes import run_command
from harness.waiting import wait_until
from txplatform.contracts.messages import INBOUND
from txplatform.database import Database
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.message_list import list_messages
from txplatform.inbox.reader import message_that_waited, parked_after


@pytest.fixture
def parked(database: TestDatabase, topics: str) -> tuple[int, int]:
    """The ids of two parked messages: a payment in another currency, and invalid bytes."""
    sender = Sender(topics)
    with consuming(settings_for(database, topics)):
        sender.send(OPENED, opened("acc-1"))
        sender.flush()
        wait_for_messages(database, 1)
        sender.send(SUBMITTED, payment("p-1", "acc-1", 10, currency="EUR"))
        sender.flush()
        wait_for_messages(database, 2)
        sender.send_raw(
            SUBMITTED, b"acc-1", b"\x00\x1b[31mrubbish\xff", [("h", None), ("h", b"\xff")]
        )
        sender.flush()
        wait_for_messages(database, 3)
    _, wrong_currency, rubbish = inbox(database)
    return wrong_currency.id, rubbish.id


def inbound(env: dict[str, str], *words: str) -> tuple[int, Any]:
    """Run `txplatform inbound … --json`; return the exit code and the JSON, or stderr."""
    code, out, err = run_command("inbound", *words, "--json", env=env)
    return code, json.loads(out) if out else err


def listed(env: dict[str, str], *words: str) -> list[Any]:
    """Return the messages of a page."""
    code, page = inbound(env, "list", *words)
    assert code == 0
    items: list[Any] = page["items"]
    return items


def test_list_shows_parked_messages_with_reasons_in_order_of_arrival_and_filters(
    parked: tuple[int, int], service_env: dict[str, str]
) -> None:
    assert [(each["id"], each["reason"]) for each in listed(service_env)] == [
        (parked[0], "currency_mismatch"),
        (parked[1], "not_json"),
    ]
    assert len(listed(service_env, "--status", "all")) == 3
    assert [each["id"] for each in listed(service_env, "--account", "acc-1")] == [*parked]
    assert [each["id"] for each in listed(service_env, "--business-id", "p-1")] == [parked[0]]
    assert listed(service_env, "--topic", OPENED) == []


def test_list_prints_the_cursor_of_the_next_page(
    parked: tuple[int, int], service_env: dict[str, str]
) -> None:
    _, first = inbound(service_env, "list", "--limit", "1")
    assert [each["id"] for each in first["items"]] == [parked[0]]
    cursor = f"--cursor={first['next_cursor']}"
    assert [each["id"] for each in listed(service_env, cursor)] == [parked[1]]
    _, _, err = run_command("inbound", "list", "--limit", "1", env=service_env)
    assert err == f"next page: {cursor}\n"
    assert inbound(service_env, "list", "--status", "all", cursor)[0] == 1


def test_no_control_character_of_a_message_reaches_the_terminal(
    parked: tuple[int, int], service_env: dict[str, str]
) -> None:
    for words in (("list",), ("show", str(parked[1]))):
        _, out, _ = run_command("inbound", *words, env=service_env)
        assert str(parked[1]) in out
        assert "\x1b" not in out


def test_show_prints_key_headers_and_body_as_received(
    parked: tuple[int, int], service_env: dict[str, str]
) -> None:
    code, message = inbound(service_env, "show", str(parked[0]))
    assert code == 0
    assert message["key"] == "acc-1"
    assert json.loads(message["body"])["payment_id"] == "p-1"
    _, rubbish = inbound(service_env, "show", str(parked[1]))
    assert rubbish["headers"] == [["h", None], ["h", "base64:/w=="]]


def test_a_message_is_found_by_its_payment_id_whatever_became_of_it(
    parked: tuple[int, int], service_env: dict[str, str], database: TestDatabase
) -> None:
    assert parked
    execute(database, "UPDATE inbound_messages SET status = 'discarded' WHERE id = %s", parked[0])
    (found,) = listed(service_env, "--business-id", "p-1")
    assert (found["id"], found["status"]) == (parked[0], "discarded")
    assert listed(service_env, "--business-id", "p-1", "--status", "parked") == []


def test_lists_and_messages_are_printed_for_people(
    parked: tuple[int, int], service_env: dict[str, str]
) -> None:
    _, out, _ = run_command("inbound", "list", env=service_env)
    header, wrong_currency, rubbish = out.splitlines()
    assert header.split()[:3] == ["id", "received", "status"]
    for column, text in {"business key": "payment:p-1", "account": "acc-1"}.items():
        assert wrong_currency.index(text) == header.index(column)
    assert rubbish[header.index("business key")] == "-"
    _, out, _ = run_command("inbound", "list", "--topic", OPENED, env=service_env)
    assert out == ""
    _, out, _ = run_command("inbound", "show", str(parked[1]), env=service_env)
    shown = [line.split(maxsplit=1) for line in out.splitlines()]
    assert ["headers", "h: -"] in shown
    assert ["headers", "h: base64:/w=="] in shown
    assert ["event_id", "-"] in shown
    assert ["withheld", "no"] in shown
    assert not {"None", "[]", "False"} & {value for _, value in shown}


def test_a_retried_message_that_is_refused_again_stays_parked_and_the_command_fails(
    parked: tuple[int, int], service_env: dict[str, str]
) -> None:
    code, outcomes = inbound(service_env, "retry", str(parked[0]), str(parked[1]))
    assert code == 1
    assert [each["reason"] for each in outcomes] == ["currency_mismatch", "not_json"]
    assert len(listed(service_env)) == 2


def test_retry_applies_a_message_that_has_become_valid(
    parked: tuple[int, int], service_env: dict[str, str], database: TestDatabase
) -> None:
    """The database owner repairs the stored bytes here; no command can do this."""
    body = json.dumps(payment("p-9", "acc-1", 10)).encode()
    execute(
        database, "UPDATE inbound_contents SET body = %s WHERE message_id = %s", body, parked[1]
    )
    code, outcomes = inbound(service_env, "retry", str(parked[1]))
    assert (code, outcomes[0]["status"]) == (0, "applied")
    assert posted(database, "acc-1") == -10
    ((caused_by,),) = execute(
        database,
        "SELECT convert_from(state, 'UTF8')::json -> 'caused_by' FROM events"
        " WHERE topic = 'payment-received'",
    )
    message = inbox(database)[-1]
    assert caused_by == {
        "kind": "message",
        "topic": SUBMITTED,
        "partition": message.partition,
        "offset": message.offset,
        "retried": True,
    }
    assert [each["id"] for each in listed(service_env)] == [parked[0]]
    code, message = inbound(service_env, "retry", str(parked[1]))
    assert code == 1
    assert "applied, not parked" in message


def test_a_copy_of_a_discarded_message_is_not_parked_again_and_the_reason_is_kept(
    parked: tuple[int, int], service_env: dict[str, str], database: TestDatabase, topics: str
) -> None:
    words = ("--reason", "sent in error", "--by", "ann")
    code, _ = inbound(service_env, "discard", str(parked[0]), *words)
    assert code == 0
    sender = Sender(topics)
    sender.send(SUBMITTED, payment("p-1", "acc-1", 10, currency="EUR"))
    sender.flush()
    with consuming(settings_for(database, topics)):
        wait_for_messages(database, 4)
    assert inbox(database)[-1].status.value == "discarded"
    assert inbound(service_env, "show", str(parked[0]))[1]["resolution"] == "sent in error"
    assert inbound(service_env, "show", str(parked[0]))[1]["resolved_by"] == "ann"
    assert [each["id"] for each in listed(service_env)] == [parked[1]]
    code, message = inbound(service_env, "discard", str(parked[0]), "--reason", "again")
    assert code == 1
    assert "not parked" in message


def test_after_a_reset_a_running_consumer_reads_the_topic_again_and_records_nothing_twice(
    parked: tuple[int, int], service_env: dict[str, str], database: TestDatabase, topics: str
) -> None:
    assert parked
    total = "SELECT sum(next_offset) FROM inbound_positions"
    with consuming(settings_for(database, topics)) as consumer:
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready")
        code, result = inbound(service_env, "reset", SUBMITTED)
        assert (code, result) == (0, {"reset": 4})
        sender = Sender(topics)
        for number in range(20):
            account_id = f"other-{number}"
            sender.send(SUBMITTED, payment("p", account_id))
        sender.flush()
        wait_for_messages(database, 23)
        wait_until(lambda: execute(database, total) == [(23,)], message="all to be read again")
    assert len(inbound(service_env, "positions")[1]) == 4 * len(INBOUND)


def test_a_reset_topic_is_read_again_even_without_new_messages(
    parked: tuple[int, int], service_env: dict[str, str], database: TestDatabase, topics: str
) -> None:
    assert parked
    total = "SELECT sum(next_offset) FROM inbound_positions"
    with consuming(settings_for(database, topics)) as consumer:
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready")
        before = execute(database, total)
        assert inbound(service_env, "reset", SUBMITTED) == (0, {"reset": 4})
        assert execute(database, total) != before
        wait_until(lambda: execute(database, total) == before, message="all to be read again")


def test_the_publisher_finds_parked_and_waiting_messages_even_after_they_were_discarded(
    parked: tuple[int, int], database: TestDatabase, topics: str
) -> None:
    """They are in the order of their ids, with the bytes as received."""
    sender = Sender(topics)
    sender.send(SUBMITTED, payment("w", "acc-2", 10))
    sender.flush()
    with consuming(settings_for(database, topics)):
        wait_for_messages(database, 4)
    execute(database, "UPDATE inbound_messages SET status = 'discarded'")
    with Database(database.service_url).connect() as connection:
        first, second = parked_after(connection, 0)
        assert (first.summary.id, second.summary.id) == parked
        assert second.received == ReceivedMessage(
            cluster_id=second.summary.cluster_id,
            topic=SUBMITTED,
            topic_id=second.received.topic_id,
            partition=second.summary.partition,
            offset=second.summary.offset,
            sent_at=second.summary.sent_at,
            key=b"acc-1",
            headers=(("h", None), ("h", b"\xff")),
            body=b"\x00\x1b[31mrubbish\xff",
        )
        assert first.parked_number is not None
        assert [each.summary.id for each in parked_after(connection, first.parked_number)] == [
            second.summary.id
        ]
        waited = message_that_waited(connection, "acc-2", "payment:w")
        assert waited is not None
        assert waited.received.body is not None
        assert json.loads(waited.received.body)["payment_id"] == "w"
        assert message_that_waited(connection, "acc-1", "payment:w") is None
        assert len(list_messages(connection, limit=1).items) == 1
