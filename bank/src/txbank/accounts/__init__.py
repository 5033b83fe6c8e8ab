"""The accounts service: holders, and their card accounts with limits and statuses."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from txbank.accounts import api
from txbank.accounts.account import (
    AccountClosedError,
    AccountNotFoundError,
    StatusChangedError,
)
from txbank.accounts.products import ProductRuleError
from txbank.problems import ProblemType
from txbank.service import Service
from txbank.settings import ServiceSettings


class AccountsSettings(ServiceSettings):
    """The settings of the accounts service."""

    model_config = SettingsConfigDict(env_prefix="TXBANK_ACCOUNTS_")

    port: int = 8101


SERVICE = Service(
    name="accounts",
    settings=AccountsSettings,
    scopes=(api.READ, api.WRITE),
    migrations=Path(__file__).parent / "migrations",
    routers=[api.router],
    problems={
        AccountNotFoundError: ProblemType("account-not-found", 404, "There is no such account"),
        AccountClosedError: ProblemType("account-closed", 409, "The account is closed permanently"),
        StatusChangedError: ProblemType("status-changed", 409, "The status has changed meanwhile"),
        ProductRuleError: ProblemType("product-rule", 422, "The product does not allow this"),
    },
)
