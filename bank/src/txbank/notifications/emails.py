"""The channel to cardholders: e-mail. Without a mail server, mails go to standard output.

Names and addresses stay in the accounts service, which is asked for them before each mail. They are
neither stored here nor logged nor sent over Kafka. So no error has the text of another error, which
may repeat the address, as the responses of mail servers do.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from http import HTTPStatus
from urllib.parse import quote

import aiosmtplib
import httpx
from pydantic import BaseModel, ValidationError

from txbank.notifications.deliverer import Claimed, RefusedError, UnavailableError
from txbank.notifications.texts import write_text
from txbank.tracing import logger, traceparent
from txplatform_client.kafka import read

TIMEOUT_S = 7
"""The time for the accounts service and the mail server together."""
_ASK_S = 2
"""The time for the accounts service to respond."""
_OUR_FAULTS = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Responses of accounts with 4xx that say nothing about the account."""
_SHUTS_DOWN = 421
"""The code with which a mail server ends a session at any time (RFC 5321)."""

Send = Callable[[EmailMessage], Awaitable[object]]
"""Hands a mail over to a mail server."""


async def print_mail(mail: EmailMessage) -> None:
    """Write a mail to standard output."""
    sys.stdout.write(f"To: {mail['To']}\nSubject: {mail['Subject']}\n\n{mail.get_content()}\n")
    sys.stdout.flush()


class Holder(BaseModel):
    """The holder of an account."""

    name: str
    email: str


class HeldAccount(BaseModel):
    """The holder and the currency of an account, for a mail."""

    holder: Holder
    currency: str


class Emails:
    """Sends mails to cardholders."""

    name = "emails"
    at_once = 10
    due = """
        SELECT delivery_id FROM deliveries WHERE subscription_id IS NULL
        AND state = 'waiting' AND next_attempt_at <= now() ORDER BY next_attempt_at LIMIT %(free)s
    """

    def __init__(self, accounts_url: str, key: str, sender: str, send: Send) -> None:
        """Make the channel.

        Args:
            accounts_url: The base URL of the accounts service.
            key: An API key with the scope `accounts:read`.
            sender: The e-mail address of the bank.
            send: Hands a mail over.
        """
        self._accounts_url = accounts_url.rstrip("/")
        self._key = key
        self._sender = sender
        self._send = send
        self._log = logger("emails")

    def new_client(self) -> httpx.AsyncClient:
        """Return a client of the accounts service."""
        return httpx.AsyncClient(timeout=_ASK_S)

    async def send(self, http: httpx.AsyncClient, delivery: Claimed) -> None:
        """Send the mail about an event. None is sent if accounts does not know the account.

        Raises:
            RefusedError: The mail server refuses the mail.
            UnavailableError: The accounts service or the mail server is down.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                account = await self._account(http, delivery.account_id)
                if account is None:
                    self._log.info("account without a holder", account=delivery.account_id)
                    return
                await self._send(self._mail(account, delivery))
        except aiosmtplib.SMTPException as error:
            raise _failure(error) from None
        except OSError as error:
            raise UnavailableError(
                "The mail server does not respond.", why=f"{type(error).__name__}."
            ) from None

    async def _account(self, http: httpx.AsyncClient, account_id: str) -> HeldAccount | None:
        unknown = "The accounts service does not tell who holds the account."
        path = f"/v1/accounts/{quote(account_id, safe='')}"
        try:
            response = await http.get(
                self._accounts_url + path,
                headers={"Authorization": f"Bearer {self._key}", "traceparent": traceparent()},
            )
            if response.is_client_error and response.status_code not in _OUR_FAULTS:
                return None
            if response.is_success:
                return HeldAccount.model_validate_json(response.content)
        except (httpx.HTTPError, httpx.InvalidURL, ValidationError) as error:
            raise UnavailableError(unknown, why=f"{type(error).__name__}.") from None
        raise UnavailableError(unknown, why=f"It responds with {response.status_code}.")

    def _mail(self, account: HeldAccount, delivery: Claimed) -> EmailMessage:
        message = read(delivery.topic, delivery.body, None).message
        text = write_text(message, account.currency)
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = _address(account.holder)
        mail["Subject"] = text.subject
        # The same for each attempt, so that mail servers recognise a copy.
        mail["Message-ID"] = f"<{delivery.event_id}@{self._sender.rpartition('@')[2]}>"
        lines = (f"Dear {account.holder.name},", "", *text.sentences, "", "Your bank")
        mail.set_content("\n".join(lines) + "\n")
        return mail


def _address(holder: Holder) -> Address:
    try:
        return Address(holder.name, addr_spec=holder.email)
    except (ValueError, IndexError, MessageError):
        raise RefusedError("The holder has no e-mail address that mails can be sent to.") from None


def _failure(error: aiosmtplib.SMTPException) -> RefusedError | UnavailableError:
    """Return the meaning of a mail server's error: about this mail, or about all mails."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    match error:
        case aiosmtplib.SMTPNotSupported():
            return RefusedError("The mail server takes no address with letters beyond ASCII.")
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError() if (
            error.code != _SHUTS_DOWN
        ):
            return RefusedError(f"The mail server refused the mail with code {error.code}.")
        case aiosmtplib.SMTPResponseException():
            why = f"{type(error).__name__} with code {error.code}"
        case _ if type(error) is aiosmtplib.SMTPException:  # the client's own words
            why = error.message.rstrip(".")
        case _:
            why = type(error).__name__
    return UnavailableError("The mail server does not take mails now.", why=f"{why}.")
