"""The bank and the platform together, on brokers that they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from harness.api import create_key, running_api
from harness.bank import Bank, new_bank
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import Command
from txplatform.demo.processes import free_port


@dataclass
class Everything:
    """A bank and a platform that share brokers; each is started by the test."""

    bank: Bank
    platform_env: dict[str, str]
    platform_port: str

    @contextmanager
    def platform(self) -> Iterator[httpx.Client]:
        """Run the platform's API and its workers; yield a client of the API."""
        with (
            Command("worker", env=self.platform_env) as worker,
            running_api(self.platform_env, TXPLATFORM_API_PORT=self.platform_port) as api,
        ):
            worker.wait_ready()
            yield api.client

    @contextmanager
    def services(self) -> Iterator[tuple[httpx.Client, httpx.Client]]:
        """Run the bank's services; yield clients of accounts and payments."""
        with (
            self.bank.running(),
            self.bank.client("accounts") as accounts,
            self.bank.client("payments") as payments,
        ):
            yield accounts, payments


def new_everything(postgres: PostgresServer, database: TestDatabase, brokers: str) -> Everything:
    """Create a bank and a platform with this database, not started yet."""
    port = str(free_port())
    env = {
        "TXPLATFORM_DATABASE_URL": database.service_url,
        "TXPLATFORM_MIGRATION_DATABASE_URL": database.owner_url,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": brokers,
        "TXPLATFORM_KAFKA_GROUP_ID": database.name,
    }
    key = create_key(env, "accounts:read", "accounts:write", "transactions:write")
    url = f"http://127.0.0.1:{port}"
    return Everything(new_bank(postgres, brokers, platform_url=url, platform_key=key), env, port)
