"""The bank's services as a part of the demo: one process, started by the `txbank` command."""

import importlib.util
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from txplatform.demo.card import BankCard, Cardholder, Login, PlatformCard
from txplatform.demo.postgres import DemoPostgres
from txplatform.demo.processes import Child
from txplatform.errors import TxPlatformError

SERVICES = ("accounts", "payments", "web", "notifications")

_COMMAND = (sys.executable, "-m", "txbank.cli")
_SCOPES = (
    *("accounts:read", "accounts:write"),
    *("payments:read", "payments:write", "payments:staff"),
    *("notifications:read", "notifications:write"),
)


_NOTICE = (
    "Demo: purchases are simulated. The dates of transactions are days of a simulated year, which"
    " pass within seconds. Payments that you order have today's date in the list of payments."
)


class DemoBankError(TxPlatformError):
    """Raised if the bank cannot be started."""


def require_bank() -> None:
    """Check that the bank's services are installed.

    Raises:
        DemoBankError: They are not.
    """
    if importlib.util.find_spec("txbank") is None:
        raise DemoBankError(
            "The bank's services are not installed.",
            next_step="Run `pip install ./bank`, or start the demo with --platform-only.",
        )


class DemoBank:
    """The four services in one process, each with a database in the demo's PostgreSQL.

    Args:
        folder: The demo's data folder, for the log.
        postgres: A running server.
        platform: The platform's addresses and key.
        ports: The port of each service.
    """

    def __init__(
        self, folder: Path, postgres: DemoPostgres, platform: PlatformCard, ports: Mapping[str, int]
    ) -> None:
        self._folder = folder
        self._ports = ports
        self.key = ""
        self._env = {
            "TXBANK_KAFKA_BOOTSTRAP_SERVERS": platform.kafka,
            "TXBANK_PLATFORM_URL": platform.url,
            "TXBANK_PLATFORM_KEY": platform.key,
            "TXBANK_WEB_ACCOUNTS_URL": self.url("accounts"),
            "TXBANK_WEB_PAYMENTS_URL": self.url("payments"),
            "TXBANK_WEB_NOTICE": _NOTICE,
            "TXBANK_WEB_NOTIFICATIONS_URL": self.url("notifications"),
            "TXBANK_NOTIFICATIONS_ACCOUNTS_URL": self.url("accounts"),
        }
        for service, port in self._ports.items():
            prefix = f"TXBANK_{service.upper()}"
            self._env[f"{prefix}_DATABASE_URL"] = postgres.own_database(f"txbank_{service}")
            self._env[f"{prefix}_PORT"] = str(port)

    def url(self, service: str) -> str:
        """Return the base URL of a service."""
        return f"http://127.0.0.1:{self._ports[service]}"

    def start(self) -> Child:
        """Migrate the databases, create a key and start the services, which are not ready yet.

        Raises:
            DemoBankError: A step failed.
        """
        self._run("migrate")
        scopes = [word for scope in _SCOPES for word in ("--scope", scope)]
        self.key = json.loads(self._run("keys", "create", "--name", "demo", *scopes))["key"]
        self._env |= {"TXBANK_WEB_KEY": self.key, "TXBANK_NOTIFICATIONS_KEY": self.key}
        return Child("bank", [*_COMMAND, "all"], log=self._folder / "bank.log", env=self._env)

    def add_users(self, year: int, account_id: str) -> BankCard:
        """Add a cardholder and a member of staff; return the bank's addresses, key and logins.

        Args:
            year: The run number, which makes the user names unique.
            account_id: An account that is open already, for the cardholder.

        Raises:
            DemoBankError: A user could not be added.
        """
        staff = Login(f"staff.{year}", secrets.token_urlsafe(12))
        cardholder = Cardholder(f"cardholder.{year}", secrets.token_urlsafe(12), account_id)
        self._add_user(staff, "staff")
        self._add_user(cardholder, "cardholder", "--account", account_id)
        urls = {f"{service}_url": self.url(service) for service in SERVICES}
        return BankCard(**urls, key=self.key, staff=staff, cardholder=cardholder)

    def _add_user(self, login: Login, role: str, *words: str) -> None:
        self._run("users", "add", login.user, "--role", role, *words, text=login.password)

    def _run(self, *words: str, text: str = "") -> str:
        done = subprocess.run(  # noqa: S603  # our own command
            [*_COMMAND, *words],
            check=False,
            capture_output=True,
            env={**os.environ, **self._env},
            input=text,
            text=True,
        )
        if done.returncode:
            raise DemoBankError(
                f"`txbank {words[0]}` failed.",
                why=done.stderr,
                next_step="--fresh deletes the data first.",
            )
        return done.stdout
