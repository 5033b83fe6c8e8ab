"""The bank's services as processes, each with a database and a role of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from psycopg.rows import dict_row

from harness.postgres import PostgresServer, TestDatabase
from harness.processes import Command
from harness.waiting import wait_until
from txbank import api_keys
from txbank.commands import SERVICES
from txbank.database import Connection, Database
from txplatform.demo.processes import free_port

NOWHERE = "127.0.0.1:1"
"""An address at which nothing listens."""

IBAN = "DE89 3704 0044 0532 0130 00"


@dataclass(frozen=True)
class Bank:
    """Migrated databases of all services, and a key with every scope.

    Attributes:
        env: The environment variables for all services.
        databases: The database of each service.
    """

    env: Mapping[str, str]
    databases: Mapping[str, TestDatabase]
    key: str

    def url(self, service: str) -> str:
        """Return the address of a service."""
        return f"http://127.0.0.1:{self.env[f'TXBANK_{service.upper()}_PORT']}"

    @contextmanager
    def client(self, service: str) -> Iterator[httpx.Client]:
        """Return an HTTP client that sends the key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url(service), headers=headers, timeout=30) as client:
            yield client

    @contextmanager
    def running(self, command: str = "all") -> Iterator[Command]:
        """Run `txbank all`, or one service, until the context ends; then it stops in order.

        So its members leave the consumer group, and the next process need not wait for a time-out.
        """
        with Command(command, env=self.env, program="txbank") as process:
            yield process.wait_ready()
            if process.exit_code is None:
                assert process.stop() == 0

    def database(self, service: str) -> Database:
        """Return the access of a service to its database, not opened yet."""
        return Database(self.databases[service].service_url, service)

    @contextmanager
    def connect(self, service: str) -> Iterator[Connection]:
        """Open a connection with the service's role, which commits if no exception leaves it."""
        url = self.databases[service].service_url
        with psycopg.connect(url, row_factory=dict_row) as connection:
            yield connection

    def outbox(self, service: str, account_id: str | None = None) -> list[tuple[str, Any]]:
        """Return topic and body of the messages that wait, of one account or of all."""
        with self.connect(service) as connection:
            rows = connection.execute(
                "SELECT topic, convert_from(value, 'UTF8')::jsonb AS body FROM outbox"
                " WHERE %(key)s::bytea IS NULL OR key = %(key)s ORDER BY id",
                {"key": account_id.encode() if account_id else None},
            )
            return [(row["topic"], row["body"]) for row in rows]

    def wait_until_published(self, service: str) -> None:
        """Wait until the outbox of a service is empty."""
        wait_until(lambda: not self.outbox(service), message=f"the outbox of {service}")


def new_bank(postgres: PostgresServer, brokers: str = NOWHERE, **common: str) -> Bank:
    """Create the databases of all services. Common settings are given without their prefix."""
    databases = {}
    env = {
        "TXBANK_KAFKA_BOOTSTRAP_SERVERS": brokers,
        "TXBANK_PLATFORM_URL": f"http://{NOWHERE}",
        "TXBANK_PLATFORM_KEY": "nobody-asks-for-it",
        **{f"TXBANK_{name.upper()}": value for name, value in common.items()},
    }
    key_id, key = api_keys.new_key()
    for name, service in SERVICES.items():
        found = databases[name] = postgres.empty_database()
        prefix = f"TXBANK_{name.upper()}"
        env |= {
            f"{prefix}_DATABASE_URL": found.service_url,
            f"{prefix}_MIGRATION_DATABASE_URL": found.owner_url,
            f"{prefix}_PORT": str(free_port()),
        }
        settings = service.settings(
            _env_file=None, database_url=found.service_url, migration_database_url=found.owner_url
        )
        service.schema.migrate(settings)
        with psycopg.connect(found.service_url, row_factory=dict_row) as connection:
            api_keys.store_key(connection, key_id, key, name="test", scopes=service.scopes)
    env |= {
        "TXBANK_WEB_KEY": key,
        "TXBANK_WEB_ACCOUNTS_URL": f"http://127.0.0.1:{env['TXBANK_ACCOUNTS_PORT']}",
        "TXBANK_WEB_PAYMENTS_URL": f"http://127.0.0.1:{env['TXBANK_PAYMENTS_PORT']}",
        "TXBANK_WEB_NOTIFICATIONS_URL": f"http://127.0.0.1:{env['TXBANK_NOTIFICATIONS_PORT']}",
        "TXBANK_NOTIFICATIONS_ACCOUNTS_URL": f"http://127.0.0.1:{env['TXBANK_ACCOUNTS_PORT']}",
        "TXBANK_NOTIFICATIONS_KEY": key,
    }
    return Bank(env, databases, key)


def new_account(account_id: str | None = None, **other: Any) -> dict[str, Any]:
    """Return a request to open an account in EUR with a limit of 5,000.00."""
    return {
        "account_id": account_id or f"acc-{uuid4()}",
        "holder": {"name": "Ada Lovelace", "email": "ada@example.org"},
        "product": "gold",
        "currency": "EUR",
        "credit_limit": 500_000,
        **other,
    }


def new_payment(account_id: str, payment_id: str | None = None, **other: Any) -> dict[str, Any]:
    """Return a request to pay 50.00 EUR."""
    return {
        "payment_id": payment_id or f"pay-{uuid4()}",
        "account_id": account_id,
        "amount": 5_000,
        "currency": "EUR",
        "bank_account": IBAN,
        **other,
    }
