"""Mails to cardholders: which errors are about one mail, and that no error has the address."""

from __future__ import annotations

import asyncio
import threading
import traceback
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import httpx
import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from harness.bank import new_bank
from harness.outbound import payment_applied
from harness.postgres import PostgresServer
from harness.waiting import wait_until
from txbank.accounts.account import Holder
from txbank.notifications.deliverer import Claimed, Deliverer, RefusedError, UnavailableError
from txbank.notifications.emails import Emails, print_mail

ADDRESS = "ada@example.org"
HOLDER = {"name": "Ada Lovelace", "email": ADDRESS}
WORDS = f"5.1.1 <{ADDRESS}> unknown"
"""The words of a mail server that repeats the address."""

ABOUT_ONE_MAIL = [
    aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(550, WORDS, ADDRESS)]),
    aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(450, WORDS, ADDRESS)]),
    aiosmtplib.SMTPRecipientRefused(553, WORDS, ADDRESS),
    aiosmtplib.SMTPDataError(554, WORDS),
    aiosmtplib.SMTPNotSupported(WORDS),
]
ABOUT_ALL_MAILS = [
    aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(421, WORDS, ADDRESS)]),
    aiosmtplib.SMTPDataError(421, WORDS),
    aiosmtplib.SMTPSenderRefused(550, WORDS, "bank@example.com"),
    aiosmtplib.SMTPAuthenticationError(535, WORDS),
    aiosmtplib.SMTPHeloError(504, WORDS),
    aiosmtplib.SMTPResponseException(500, WORDS),
    aiosmtplib.SMTPServerDisconnected(WORDS),
    aiosmtplib.SMTPConnectError(WORDS),
    aiosmtplib.SMTPConnectResponseError(554, WORDS),
    aiosmtplib.SMTPTimeoutError(WORDS),
    aiosmtplib.SMTPConnectTimeoutError(WORDS),
    aiosmtplib.SMTPReadTimeoutError(WORDS),
    aiosmtplib.SMTPException("SMTP STARTTLS extension not supported by server."),
    OSError(WORDS),
]


def send(
    *,
    account: httpx.Response | None = None,
    holder: dict[str, str] = HOLDER,
    error: Exception | None = None,
) -> list[EmailMessage]:
    """Send a mail with these responses of accounts and the mail server; return what was sent."""
    mails = []

    async def take(mail: EmailMessage) -> None:
        if error is not None:
            raise error
        mails.append(mail)

    async def attempt() -> None:
        response = account or httpx.Response(200, json={"holder": holder, "currency": "EUR"})
        transport = httpx.MockTransport(lambda _: response)
        async with httpx.AsyncClient(transport=transport) as http:
            await Emails("http://accounts", "key", "bank@example.com", take).send(http, DELIVERY)

    asyncio.run(attempt())
    return mails


def claimed() -> Claimed:
    """Return a delivery to a cardholder."""
    event = payment_applied("acc")
    return Claimed(
        delivery_id=1,
        subscription_id=None,
        event_id=event.event_id,
        topic=event.TOPIC,
        account_id="acc",
        body=msgspec.json.encode(event),
        traceparent="",
        url="",
        secret="",
    )


DELIVERY = claimed()


def text_of(error: BaseException) -> str:
    """Return all that a log line or a span would have of an error."""
    return "".join(traceback.format_exception(error))


def test_every_error_of_the_mail_client_is_tried() -> None:
    tried = {type(each).__name__ for each in (*ABOUT_ONE_MAIL, *ABOUT_ALL_MAILS)}
    assert {*aiosmtplib.errors.__all__} <= tried


@pytest.mark.parametrize("error", ABOUT_ONE_MAIL, ids=repr)
def test_an_error_about_one_mail_is_a_refusal_without_the_address(error: Exception) -> None:
    with pytest.raises(RefusedError) as refused:
        send(error=error)
    assert ADDRESS not in text_of(refused.value)


@pytest.mark.parametrize("error", ABOUT_ALL_MAILS, ids=repr)
def test_with_an_error_about_all_mails_they_wait_without_the_address(error: Exception) -> None:
    with pytest.raises(UnavailableError) as unavailable:
        send(error=error)
    assert ADDRESS not in text_of(unavailable.value)


def test_an_account_that_cannot_be_read_is_waited_for_without_its_holder() -> None:
    with pytest.raises(UnavailableError) as unavailable:
        send(account=httpx.Response(200, json={"holder": HOLDER}))
    assert ADDRESS not in text_of(unavailable.value)


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 422])
def test_an_account_that_accounts_refuses_has_nobody_to_be_told(status: int) -> None:
    assert send(account=httpx.Response(status)) == []


@pytest.mark.parametrize("status", [302, 401, 403, 408, 429, 500, 503])
def test_another_response_of_accounts_is_waited_for(status: int) -> None:
    with pytest.raises(UnavailableError, match=str(status)):
        send(account=httpx.Response(status))


@pytest.mark.parametrize("email", ["a,b@x.yz", "ada@", "@x.yz", "", "a b@x.yz", "ada", "a@b@x.yz"])
def test_a_holder_without_a_usable_address_is_a_refusal(email: str) -> None:
    with pytest.raises(RefusedError) as refused:
        send(holder={"name": "Ada", "email": email})
    assert "no e-mail address" in str(refused.value)
    assert not email or email not in text_of(refused.value)


@pytest.mark.parametrize(
    "email",
    [
        "ada@example.org",
        "ada.lovelace+bank@example.org",
        "o'neil@example.org",
        "ada@exämple.org",
        "ada@xn--exmple-cua.org",
        "!#$%&*/=?^_`{|}~-@example.org",
    ],
)
def test_accounts_takes_an_address_of_a_mailbox(email: str) -> None:
    assert Holder(name="Ada", email=email).email == email


@pytest.mark.parametrize(
    "email",
    [
        "a,b@x.yz",
        "a@b@x.yz",
        "ada@example",
        ".ada@example.org",
        "ada.@example.org",
        "a..b@example.org",
        "ada@.example.org",
        "ada@example..org",
        "<ada@example.org>",
        "Ada <ada@example.org>",
        "ada(b)@example.org",
        "ada@example.org,",
        "a;b@example.org",
        "a:b@example.org",
        'a"b@example.org',
        "a\\b@example.org",
        "a\x01b@example.org",
        "jörg@example.org",
        "@example.org",
        "ada@",
        "",
    ],
)
def test_accounts_refuses_what_is_no_address(email: str) -> None:
    with pytest.raises(ValidationError):
        Holder(name="Ada", email=email)


@given(
    name=st.text(min_size=1, max_size=40),
    email=st.text(min_size=1, max_size=10).map(lambda local: f"{local}@example.org")
    | st.text(min_size=1, max_size=20).map(lambda domain: f"ada@{domain}.org"),
)
def test_a_mail_can_be_written_to_whoever_accounts_takes(name: str, email: str) -> None:
    try:
        holder = Holder(name=name, email=email)
    except ValidationError:
        return
    (mail,) = send(holder=holder.model_dump())
    (to,) = mail["To"].addresses
    assert (to.display_name, to.addr_spec) == (holder.name, holder.email)
    assert mail.as_bytes(policy=policy.SMTPUTF8)


class Defective(Emails):
    """A channel with a defect, whose text has the address."""

    async def send(self, http: httpx.AsyncClient, delivery: Claimed) -> None:  # noqa: ARG002
        raise ValueError(WORDS)


def test_a_defect_fails_a_delivery_and_its_text_is_told_to_nobody(postgres: PostgresServer) -> None:
    bank = new_bank(postgres)
    with bank.connect("notifications") as connection:
        connection.execute(
            "INSERT INTO deliveries (event_id, topic, account_id, body, traceparent)"
            " VALUES ('event', 'topic', 'acc', '', '')"
        )
    database, stop = bank.database("notifications"), threading.Event()
    database.open()
    channel = Defective("http://accounts", "key", "bank@example.com", print_mail)
    deliverer = Deliverer(
        channel, database, CollectorRegistry(), retry_s=0.01, failed_for=timedelta(days=1)
    )

    def failed() -> list[Any]:
        with bank.connect("notifications") as connection:
            return connection.execute(
                "SELECT last_error FROM deliveries WHERE state = 'failed'"
            ).fetchall()

    with structlog.testing.capture_logs() as lines:
        worker = threading.Thread(target=deliverer.run, args=(stop,))
        worker.start()
        (delivery,) = wait_until(failed, message="the failure")
        stop.set()
        worker.join()
    database.close()
    assert "ValueError" in delivery["last_error"]
    assert [each["kind"] for each in lines] == ["ValueError"] * 3
    assert "test_emails.py" in lines[0]["where"]
    assert ADDRESS not in f"{lines}{delivery}"
