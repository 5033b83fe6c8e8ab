"""Cardholders and subscribers are told of each event, through faults of everything around."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from harness.bank import Bank, new_account, new_bank
from harness.mail_server import MailServer
from harness.outbound import decisioned, payment_applied, tell
from harness.postgres import PostgresServer
from harness.receiver import Received, Receiver
from harness.waiting import wait_until

PAYMENTS = "transactions.payment-applied.v1"


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server that runs."""
    with MailServer() as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A subscriber's server that runs."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def new(postgres: PostgresServer, topics: str, mail_server: MailServer) -> Bank:
    """A bank that is not started yet, whose notifications may go to this machine."""
    return new_bank(
        postgres,
        topics,
        notifications_smtp_host="127.0.0.1",
        notifications_smtp_port=str(mail_server.port),
        notifications_smtp_security="none",
        notifications_retry_s="0.05",
        notifications_internal_webhooks="true",
    )


def open_account(bank: Bank, **other: Any) -> str:
    """Open an account at the accounts service, which runs."""
    with bank.client("accounts") as accounts:
        response = accounts.post("/v1/accounts", json=new_account(**other))
        return str(response.json()["account_id"])


def deliveries(bank: Bank, state: str = "failed") -> list[dict[str, Any]]:
    """Return the deliveries in a state."""
    with bank.client("notifications") as client:
        response = client.get("/v1/deliveries", params={"state": state})
        found: list[dict[str, Any]] = response.json()["items"]
        return found


def open_webhooks(bank: Bank) -> list[dict[str, Any]]:
    """Return the deliveries to subscribers that wait or have failed."""
    found = [*deliveries(bank), *deliveries(bank, "waiting")]
    return [each for each in found if each["subscription_id"]]


def retry(bank: Bank, delivery: dict[str, Any]) -> None:
    """Try a failed delivery again."""
    with bank.client("notifications") as client:
        response = client.post(f"/v1/deliveries/{delivery['delivery_id']}/retry")
        assert response.json()["state"] == "waiting"


def subscribe(bank: Bank, url: str, *topics: str) -> str:
    """Subscribe a webhook and return its secret."""
    wanted = {"url": url, "topics": topics or [PAYMENTS]}
    with bank.client("notifications") as client:
        return str(client.post("/v1/subscriptions", json=wanted).json()["secret"])


def everything_stored(bank: Bank) -> list[Any]:
    """Return all rows of all tables of notifications."""
    with bank.connect("notifications") as connection:
        tables = connection.execute(
            "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        return [
            row
            for table in tables
            for row in connection.execute(f"SELECT * FROM {table['name']}").fetchall()
        ]


def verify(secret: str, received: Received) -> dict[str, Any]:
    """Return the body of a webhook whose signature is right."""
    payload: dict[str, Any] = Webhook(secret).verify(received.body, received.headers)
    return payload


def test_a_cardholder_is_told_by_mail_and_the_address_stays_in_the_accounts_service(
    new: Bank, mail_server: MailServer
) -> None:
    with new.running("accounts"), new.running("notifications"):
        holder = {"name": "Jörg <Ada>", "email": "joerg@example.org"}
        account_id = open_account(new, holder=holder, currency="JPY")
        tell(new, payment_applied(account_id, currency="JPY"))
        (mail,) = wait_until(lambda: mail_server.mails, message="the mail")
    assert mail["To"].addresses[0].display_name == "Jörg <Ada>"
    assert mail["To"].addresses[0].addr_spec == "joerg@example.org"
    assert mail["Subject"] == "Payment received"
    lines = ("Your payment of 5,000 JPY has arrived. Thank you.", "Your available credit is")
    assert mail_server.texts == [
        "\n".join(
            ("Dear Jörg <Ada>,", "", lines[0], f"{lines[1]} 487,655 JPY.", "", "Your bank", "")
        )
    ]
    with new.connect("notifications") as connection:
        for table in ("deliveries", "outbox"):
            assert not connection.execute(f"SELECT * FROM {table}").fetchall()
    assert not any("example.org" in str(body) for _, body in new.outbox("accounts"))


def test_copies_of_an_event_are_told_once(
    new: Bank, mail_server: MailServer, receiver: Receiver
) -> None:
    with new.running("accounts"), new.running("notifications"):
        account_id = open_account(new)
        subscribe(new, receiver.url)
        events = [payment_applied(account_id, number) for number in range(1, 21)]
        tell(new, *events, copies=3)
        tell(new, last := payment_applied(account_id, 2_100))
        wait_until(lambda: any("21.00 EUR" in each for each in mail_server.texts))
        wait_until(lambda: len(receiver.requests) == 21, message="all webhooks")
    assert len(mail_server.mails) == 21
    ids = [each.headers["webhook-id"] for each in receiver.requests]
    assert sorted(ids) == sorted(each.event_id for each in (*events, last))


def test_a_mail_waits_while_accounts_is_down_and_comes_when_it_is_back(
    new: Bank, mail_server: MailServer
) -> None:
    with new.running("accounts"):
        account_id = open_account(new)
    with new.running("notifications"):
        tell(new, payment_applied(account_id))
        (waiting,) = wait_until(
            lambda: [each for each in deliveries(new, "waiting") if each["last_error"]]
        )
        assert "accounts service" in waiting["last_error"]
        assert waiting["attempts"] == 0
        with new.running("accounts"):
            wait_until(lambda: mail_server.mails, message="the mail")
    assert not mail_server.mails[1:]


@pytest.mark.long
def test_a_mail_waits_while_the_mail_server_is_down(new: Bank) -> None:
    server = MailServer()
    new = replace(new, env={**new.env, "TXBANK_NOTIFICATIONS_SMTP_PORT": str(server.port)})
    with new.running("accounts"), new.running("notifications"):
        tell(new, payment_applied(open_account(new)))
        wait_until(lambda: any(each["last_error"] for each in deliveries(new, "waiting")))
        with server:
            wait_until(lambda: server.mails, message="the mail")


def test_a_mail_that_is_refused_three_times_has_failed_and_can_be_retried(
    new: Bank, mail_server: MailServer
) -> None:
    mail_server.reply = "550 unknown"
    with new.running("accounts"), new.running("notifications"):
        account_id = open_account(new)
        tell(new, payment_applied(account_id))
        (failed,) = wait_until(lambda: deliveries(new), message="the failure")
        assert (failed["attempts"], mail_server.asked) == (3, 3)
        assert (failed["account_id"], failed["subscription_id"]) == (account_id, None)
        assert "550" in failed["last_error"]
        mail_server.reply = "250 ok"
        retry(new, failed)
        wait_until(lambda: mail_server.mails, message="the mail")


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        ("ada@example.org", "550 5.1.1 <{address}> unknown"),
        pytest.param("ada@example.org", "553 {address} refused", marks=pytest.mark.long),
        pytest.param(
            "ada@example.org", "450 4.2.0 <{address}> greylisted, try again", marks=pytest.mark.long
        ),
        ("ada@exämple.org", "250 ok"),  # the server does not have SMTPUTF8
        pytest.param(
            "a,b@example.org", "250 ok", marks=pytest.mark.long
        ),  # taken before addresses were checked
    ],
)
def test_the_address_of_a_refused_mail_is_neither_stored_nor_logged_nor_told(
    new: Bank, mail_server: MailServer, address: str, reply: str
) -> None:
    mail_server.reply = reply
    new = replace(new, env={**new.env, "TXBANK_LOG_LEVEL": "debug"})
    with new.running("accounts"), new.running("notifications") as process:
        account_id = open_account(new)
        with new.connect("accounts") as connection:
            connection.execute("UPDATE accounts SET holder_email = %s", (address,))
        tell(new, payment_applied(account_id))
        (failed,) = wait_until(lambda: deliveries(new), message="the failure")
        assert failed["attempts"] == 3
        health = httpx.get(f"{new.url('notifications')}/readyz").text
        log = process.stdout + process.stderr
    domain = address.partition("@")[2]
    for text in (str(failed), health, log, str(everything_stored(new))):
        assert domain not in text
    assert "Traceback" not in log
    assert not mail_server.mails


def test_nobody_is_told_of_an_account_that_the_bank_does_not_know(
    new: Bank, mail_server: MailServer
) -> None:
    with new.running("accounts"), new.running("notifications"):
        tell(new, payment_applied("stranger"), payment_applied(open_account(new)))
        wait_until(lambda: mail_server.mails, message="the mail of the other account")
        wait_until(lambda: not deliveries(new, "waiting"))
        assert not deliveries(new)
    assert len(mail_server.mails) == 1


def test_without_a_mail_server_mails_go_to_the_console(new: Bank) -> None:
    env = {name: value for name, value in new.env.items() if "SMTP" not in name}
    new = replace(new, env=env)
    with new.running("accounts"), new.running("notifications") as process:
        tell(new, decisioned(open_account(new), declined="The card is frozen."))
        wait_until(lambda: "The card is frozen." in process.stdout, message="the mail")
        assert "To: Ada Lovelace <ada@example.org>\nSubject: Purchase declined" in process.stdout


def test_a_webhook_is_signed_and_has_the_event_of_a_subscribed_topic(
    new: Bank, receiver: Receiver
) -> None:
    with new.running("notifications"):
        secret = subscribe(new, f"{receiver.url}/hook?a=1")
        other = subscribe(new, receiver.url, "transactions.hold-expired.v1")
        event = payment_applied("acc")
        tell(new, decisioned("acc"), event)
        (received,) = wait_until(lambda: receiver.requests, message="the webhook")
    assert received.path == "/hook?a=1"
    assert received.headers["host"] == receiver.url.removeprefix("http://")
    assert received.headers["webhook-id"] == event.event_id
    payload = verify(secret, received)
    assert payload["type"] == PAYMENTS
    assert payload["data"].items() >= {"payment_id": "p-1", "amount": 5_000}.items()
    with pytest.raises(Exception, match="signature"):
        verify(other, received)


def test_a_webhook_that_fails_three_times_is_listed_and_can_be_retried(
    new: Bank, receiver: Receiver
) -> None:
    receiver.status = 500
    with new.running("notifications"):
        secret = subscribe(new, receiver.url)
        tell(new, payment_applied("acc"))
        (failed,) = wait_until(lambda: deliveries(new), message="the failure")
        assert (failed["attempts"], len(receiver.requests)) == (3, 3)
        assert "500" in failed["last_error"]
        receiver.status = 204
        retry(new, failed)
        wait_until(lambda: len(receiver.requests) == 4, message="the retry")
        wait_until(lambda: not open_webhooks(new), message="the success")
    assert len({each.headers["webhook-id"] for each in receiver.requests}) == 1
    assert len({json.dumps(verify(secret, each)["data"]) for each in receiver.requests}) == 1


def test_a_redirect_is_a_failure_and_is_not_followed(new: Bank, receiver: Receiver) -> None:
    receiver.status = 307
    with new.running("notifications"):
        subscribe(new, f"{receiver.url}/hook")
        tell(new, payment_applied("acc"))
        (failed,) = wait_until(lambda: deliveries(new), message="the failure")
    assert "307" in failed["last_error"]
    assert {each.path for each in receiver.requests} == {"/hook"}


@pytest.mark.long
def test_a_name_that_leads_into_the_own_network_is_refused_at_the_sending(
    new: Bank, receiver: Receiver
) -> None:
    url = receiver.url.replace("http://127.0.0.1", "https://localhost")
    with new.running("notifications"):
        subscribe(new, url)
    strict = replace(new, env={**new.env, "TXBANK_NOTIFICATIONS_INTERNAL_WEBHOOKS": "false"})
    with strict.running("notifications"):
        tell(new, payment_applied("acc"))
        (failed,) = wait_until(lambda: deliveries(strict), message="the failure")
    assert "host is not a public one" in failed["last_error"]
    assert not receiver.requests


def test_a_subscriber_that_does_not_respond_holds_up_no_other(
    new: Bank, receiver: Receiver
) -> None:
    with Receiver() as silent, new.running("notifications"):
        silent.responds.clear()
        subscribe(new, silent.url)
        subscribe(new, receiver.url)
        tell(new, *(payment_applied("acc", number) for number in range(1, 301)))
        wait_until(lambda: len(receiver.requests) == 300, message="the webhooks of the other")
        assert silent.requests
        with new.connect("notifications") as connection:
            (kept,) = connection.execute("SELECT count(*) FROM deliveries").fetchall()
        assert kept["count"] >= 300  # none to the silent one has arrived


@pytest.mark.long
def test_a_process_killed_while_it_sends_sends_again_with_the_same_id(
    new: Bank, receiver: Receiver
) -> None:
    receiver.responds.clear()
    with new.running("notifications") as process:
        subscribe(new, receiver.url)
        tell(new, payment_applied("acc"))
        wait_until(lambda: receiver.requests, message="the first attempt")
        process.kill()
    receiver.responds.set()
    with new.connect("notifications") as connection:
        connection.execute("UPDATE deliveries SET next_attempt_at = now()")  # ends the lease
    with new.running("notifications"):
        wait_until(lambda: len(receiver.requests) == 2, message="the second attempt")
        wait_until(lambda: not open_webhooks(new), message="the success")
    assert len({each.headers["webhook-id"] for each in receiver.requests}) == 1


@pytest.mark.long
def test_two_processes_share_the_deliveries(new: Bank, receiver: Receiver) -> None:
    other = replace(new, env={**new.env, "TXBANK_NOTIFICATIONS_PORT": "0"})
    with ExitStack() as stack:
        stack.enter_context(new.running("notifications"))
        stack.enter_context(other.running("notifications"))
        subscribe(new, receiver.url)
        tell(new, *(payment_applied("acc", number) for number in range(1, 101)))
        wait_until(lambda: len(receiver.requests) >= 100, message="all webhooks")
        wait_until(lambda: not open_webhooks(new), message="the success")
    assert len(receiver.requests) == 100


def test_events_from_before_the_installation_are_not_told(new: Bank, receiver: Receiver) -> None:
    with new.running("notifications"):
        subscribe(new, receiver.url)
        earlier = datetime.now(UTC) - timedelta(hours=1)
        tell(new, payment_applied("acc", recorded_at=earlier), news := payment_applied("acc"))
        wait_until(lambda: receiver.requests, message="the news")
        assert [each.headers["webhook-id"] for each in receiver.requests] == [news.event_id]


def test_a_deleted_subscription_gets_nothing_more(new: Bank, receiver: Receiver) -> None:
    receiver.status = 500
    with new.running("notifications"), new.client("notifications") as client:
        subscribe(new, receiver.url)
        tell(new, payment_applied("acc"))
        wait_until(lambda: deliveries(new), message="the failure")
        (subscription,) = client.get("/v1/subscriptions").json()["items"]
        path = f"/v1/subscriptions/{subscription['subscription_id']}"
        assert client.delete(path).status_code == 204
        assert not deliveries(new)


@pytest.mark.parametrize(("settings", "left"), [({}, {29, 0}), ({"FAILED_DAYS": "7"}, {0})])
def test_old_failed_deliveries_are_deleted_in_pieces(
    postgres: PostgresServer, settings: dict[str, str], left: set[int]
) -> None:
    bank = new_bank(postgres)
    others = {f"TXBANK_NOTIFICATIONS_{name}": value for name, value in settings.items()}
    bank = replace(bank, env={**bank.env, **others})
    with bank.connect("notifications") as connection:
        connection.execute(
            "INSERT INTO deliveries"
            " (event_id, topic, account_id, body, traceparent, state, next_attempt_at)"
            " SELECT days, 'topic', 'acc', '', '', 'failed', now() - make_interval(days => days)"
            " FROM unnest('{0, 29, 31}'::int[]) AS days, generate_series(1, 1100) AS number"
        )

    def kept() -> set[int]:
        with bank.connect("notifications") as connection:
            rows = connection.execute("SELECT DISTINCT event_id FROM deliveries").fetchall()
            return {int(row["event_id"]) for row in rows}

    with bank.running("notifications"):
        wait_until(lambda: kept() == left, message="the deletion")
