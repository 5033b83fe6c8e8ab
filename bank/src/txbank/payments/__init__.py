"""The payments service: cardholders pay from a bank account, and some payments bounce."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from pydantic_settings import SettingsConfigDict

from txbank.part import Worker
from txbank.payments import api
from txbank.payments.balances import Balances
from txbank.payments.known_accounts import remember_account
from txbank.payments.payment import (
    CurrencyNotTakenError,
    NotAllowedError,
    PaymentNotFoundError,
)
from txbank.problems import ProblemType
from txbank.service import Service
from txbank.settings import CommonSettings, ServiceSettings
from txplatform_client.kafka import AccountOpened


class PaymentsSettings(ServiceSettings):
    """The settings of the payments service."""

    model_config = SettingsConfigDict(env_prefix="TXBANK_PAYMENTS_")

    port: int = 8102


def _prepare(app: FastAPI, common: CommonSettings, _: ServiceSettings) -> Sequence[Worker]:
    app.state.balances = Balances(common)
    return ()


SERVICE = Service(
    name="payments",
    settings=PaymentsSettings,
    scopes=(api.READ, api.WRITE, api.STAFF),
    migrations=Path(__file__).parent / "migrations",
    routers=[api.router],
    problems={
        PaymentNotFoundError: ProblemType("payment-not-found", 404, "There is no such payment"),
        NotAllowedError: ProblemType("not-allowed", 409, "The payment's state does not allow this"),
        CurrencyNotTakenError: ProblemType("currency-not-taken", 422, "The currency is not taken"),
    },
    handlers={AccountOpened.TOPIC: remember_account},
    prepare=_prepare,
)
