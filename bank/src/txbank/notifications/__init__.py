"""The notifications service: sends the events of the platform to cardholders and subscribers."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import aiosmtplib
from fastapi import FastAPI
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from txbank.notifications import api
from txbank.notifications.deliverer import Deliverer
from txbank.notifications.delivery import DeliveryNotFoundError, record
from txbank.notifications.emails import Emails, Send, print_mail
from txbank.notifications.subscription import TOPICS, SubscriptionNotFoundError
from txbank.notifications.webhook_address import WebhookRefusedError
from txbank.notifications.webhooks import Webhooks
from txbank.part import Worker
from txbank.problems import ProblemType
from txbank.service import Service
from txbank.settings import CommonSettings, ServiceSettings, SettingsError

_SMTP_S = 5
"""The time for each response of the mail server."""


class NotificationsSettings(ServiceSettings):
    """The settings of the notifications service."""

    model_config = SettingsConfigDict(env_prefix="TXBANK_NOTIFICATIONS_")

    port: int = 8104
    accounts_url: str = Field(
        default="http://127.0.0.1:8101", description="Base URL of the accounts service."
    )
    key: SecretStr | None = Field(default=None, description="API key with the scope accounts:read.")
    sender: str = Field(
        default="bank@example.com", description="E-mail address from which mails are sent."
    )
    smtp_host: str | None = Field(
        default=None, description="Mail server; without one, mails go to standard output."
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of the mail server.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection to the mail server is encrypted."
    )
    smtp_username: str | None = Field(default=None, description="User name at the mail server.")
    smtp_password: SecretStr | None = Field(
        default=None, description="Password at the mail server."
    )
    retry_s: float = Field(
        default=30,
        gt=0,
        description="Seconds until the second attempt of a delivery; five times as long until the "
        "third. A delivery that waits for accounts or the mail server is tried at this interval.",
    )
    failed_days: int = Field(
        default=30,
        ge=1,
        description="Days for which failed deliveries are kept after the last attempt.",
    )
    internal_webhooks: bool = Field(
        default=False,
        description="True to allow webhooks to private addresses, and by plain HTTP.",
    )


def _send_of(settings: NotificationsSettings) -> Send:
    if settings.smtp_host is None:
        return print_mail
    password = settings.smtp_password
    return partial(
        aiosmtplib.send,
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username,
        password=password.get_secret_value() if password else None,
        use_tls=settings.smtp_security == "tls",
        start_tls=settings.smtp_security == "starttls",
        timeout=_SMTP_S,
    )


def _prepare(app: FastAPI, _: CommonSettings, settings: NotificationsSettings) -> Sequence[Worker]:
    if settings.key is None:
        raise SettingsError(
            "Invalid setting: TXBANK_NOTIFICATIONS_KEY is not set.",
            next_step="Create a key with `txbank keys create --scope accounts:read`.",
        )
    app.state.internal_allowed = settings.internal_webhooks
    channels = (
        Emails(
            settings.accounts_url,
            settings.key.get_secret_value(),
            settings.sender,
            _send_of(settings),
        ),
        Webhooks(internal_allowed=settings.internal_webhooks),
    )
    database, registry = app.state.database, app.state.registry
    failed_for = timedelta(days=settings.failed_days)
    return [
        Deliverer(each, database, registry, retry_s=settings.retry_s, failed_for=failed_for)
        for each in channels
    ]


SERVICE = Service(
    name="notifications",
    settings=NotificationsSettings,
    scopes=(api.READ, api.WRITE),
    migrations=Path(__file__).parent / "migrations",
    routers=[api.router],
    problems={
        SubscriptionNotFoundError: ProblemType(
            "subscription-not-found", 404, "There is no such subscription"
        ),
        DeliveryNotFoundError: ProblemType("delivery-not-found", 404, "No such delivery is open"),
        WebhookRefusedError: ProblemType("webhook-refused", 422, "The address is not allowed"),
    },
    handlers=dict.fromkeys(TOPICS, record),
    prepare=_prepare,
)
