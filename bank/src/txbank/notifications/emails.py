"""The channel to cardholders: e-mail. Without a mail server, mails go to standard output.

Names and addresses stay in the accounts service, which is asked for them before each mail. They are
neither stored here nor sent over Kafka.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from email.headerregistry import Address
from email.message import EmailMessage
from http import HTTPStatus

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
    due = """
        SELECT delivery_id FROM deliveries WHERE subscription_id IS NULL
        AND state = 'waiting' AND next_attempt_at <= now() ORDER BY next_attempt_at LIMIT 10
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
        except (
            aiosmtplib.SMTPRecipientsRefused,
            aiosmtplib.SMTPSenderRefused,
            aiosmtplib.SMTPDataError,
        ) as error:
            raise RefusedError(f"The mail server refused the mail: {error}.") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise UnavailableError(
                "The mail server does not respond.", why=f"{error!r}."
            ) from error

    async def _account(self, http: httpx.AsyncClient, account_id: str) -> HeldAccount | None:
        try:
            response = await http.get(
                f"{self._accounts_url}/v1/accounts/{account_id}",
                headers={"Authorization": f"Bearer {self._key}", "traceparent": traceparent()},
            )
            if response.status_code == HTTPStatus.NOT_FOUND:
                return None
            return HeldAccount.model_validate_json(response.raise_for_status().content)
        except (httpx.HTTPError, ValidationError) as error:
            raise UnavailableError(
                "The accounts service did not return the account's holder.", why=f"{error!r}."
            ) from error

    def _mail(self, account: HeldAccount, delivery: Claimed) -> EmailMessage:
        message = read(delivery.topic, delivery.body, None).message
        text = write_text(message, account.currency)
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = Address(account.holder.name, addr_spec=account.holder.email)
        mail["Subject"] = text.subject
        # The same for each attempt, so that mail servers recognise a copy.
        mail["Message-ID"] = f"<{delivery.event_id}@{self._sender.rpartition('@')[2]}>"
        lines = (f"Dear {account.holder.name},", "", *text.sentences, "", "Your bank")
        mail.set_content("\n".join(lines) + "\n")
        return mail
