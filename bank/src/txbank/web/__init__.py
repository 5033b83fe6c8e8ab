"""The web bank: pages for cardholders and for staff."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from txbank.part import Worker
from txbank.service import Service
from txbank.settings import CommonSettings, ServiceSettings, SettingsError
from txbank.web import (
    account_pages,
    card_page,
    home_page,
    login,
    payment_page,
    purchase_page,
    staff_accounts,
    staff_deliveries,
    staff_payments,
    staff_settlement,
)
from txbank.web.browser_rules import BrowserRules
from txbank.web.live import Live
from txbank.web.pages import create_pages
from txbank.web.services import Services

ROUTERS = (
    login.router,
    home_page.router,
    account_pages.router,
    purchase_page.router,
    payment_page.router,
    card_page.router,
    staff_accounts.router,
    staff_payments.router,
    staff_settlement.router,
    staff_deliveries.router,
)
"""All pages."""


class WebSettings(ServiceSettings):
    """The settings of the web bank."""

    model_config = SettingsConfigDict(env_prefix="TXBANK_WEB_")

    port: int = 8103
    accounts_url: str = Field(
        default="http://127.0.0.1:8101", description="Base URL of the accounts service."
    )
    payments_url: str = Field(
        default="http://127.0.0.1:8102", description="Base URL of the payments service."
    )
    notifications_url: str = Field(
        default="http://127.0.0.1:8104", description="Base URL of the notifications service."
    )
    key: SecretStr | None = Field(
        default=None,
        description="API key with all scopes of accounts, payments and notifications.",
    )
    notice: str = Field(
        default="", max_length=300, description="A line of text at the top of every page."
    )
    https: bool = Field(
        default=False,
        description="True if browsers reach the web bank by HTTPS, which is required unless they "
        "run on this machine; the session's cookie is then sent by HTTPS only.",
    )


def services_of(common: CommonSettings, settings: WebSettings) -> Services:
    """Return clients of the services that the web bank calls.

    Raises:
        SettingsError: A key is not set.
    """
    if settings.key is None:
        raise SettingsError(
            "Invalid setting: TXBANK_WEB_KEY is not set.",
            next_step="Create a key with `txbank keys create`; bank/README.md names the scopes.",
        )
    return Services(
        common,
        accounts_url=settings.accounts_url,
        payments_url=settings.payments_url,
        notifications_url=settings.notifications_url,
        key=settings.key.get_secret_value(),
    )


def _prepare(app: FastAPI, common: CommonSettings, settings: WebSettings) -> Sequence[Worker]:
    pages = create_pages(ROUTERS)
    live = Live(common)
    pages.state.database = app.state.database
    pages.state.services = services_of(common, settings)
    pages.state.https = settings.https
    pages.state.live = live
    pages.state.notice = settings.notice
    app.mount("", BrowserRules(pages, https=settings.https))
    return [live]


SERVICE = Service(
    name="web",
    settings=WebSettings,
    scopes=(),
    migrations=Path(__file__).parent / "migrations",
    routers=[],
    problems={},
    prepare=_prepare,
)
