"""A running API process, and requests that tests send to it."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from harness.processes import Command
from txplatform import api_keys
from txplatform.demo.processes import free_port

ALL_SCOPES = (
    "transactions:write",
    "accounts:read",
    "accounts:write",
    "audit:read",
    "inbound:write",
    "rules:read",
    "rules:write",
)


@dataclass(frozen=True)
class RunningApi:
    """An API process and a key with every scope.

    Attributes:
        client: An HTTP client that sends the key with each request.
        env: The environment variables of the process.
    """

    url: str
    key: str
    client: httpx.Client
    command: Command
    env: Mapping[str, str]


@contextmanager
def running_api(
    service_env: Mapping[str, str], *, authority: Path | None = None, **settings: str
) -> Iterator[RunningApi]:
    """Run `txplatform api` until the context ends, on a free port if no port is given.

    Args:
        service_env: The environment of the process.
        authority: The file of the authority for whose certificates the client calls by TLS.
        settings: More variables.
    """
    port = settings.setdefault("TXPLATFORM_API_PORT", str(free_port()))
    env = {**service_env, **settings}
    key = create_key(env, *ALL_SCOPES)
    url = f"{'https' if authority else 'http'}://127.0.0.1:{port}"
    with (
        Command("api", env=env) as command,
        httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
            verify=ssl.create_default_context(cafile=authority) if authority else True,
        ) as client,
    ):
        command.wait_ready()
        yield RunningApi(url, key, client, command, env)


def create_key(env: Mapping[str, str], *scopes: str, accounts: Collection[str] = ()) -> str:
    """Create and return a key with these scopes, limited to these accounts if there are any."""
    with psycopg.connect(env["TXPLATFORM_DATABASE_URL"]) as connection:
        _, key = api_keys.create_key(
            connection, name="test", scopes=map(api_keys.Scope, scopes), accounts=accounts
        )
        return key


def purchase(transaction_id: str, account_id: str, amount: int, **other: Any) -> dict[str, Any]:
    """Return the request body for a USD purchase at a bookshop."""
    return {
        "transaction_id": transaction_id,
        "account_id": account_id,
        "amount": amount,
        "currency": "USD",
        "merchant": {
            "id": "m-17",
            "name": "Corner Books",
            "category_code": "5942",
            "country": "USA",
        },
        **other,
    }


def open_account(client: httpx.Client, account_id: str, credit_limit: int) -> None:
    """Open an account in USD."""
    answer = client.post(
        "/v1/accounts",
        json={"account_id": account_id, "currency": "USD", "credit_limit": credit_limit},
    )
    assert answer.status_code in {200, 201}, answer.text


def count_events(api: RunningApi) -> int:
    """Return the number of events in the API's database."""
    with psycopg.connect(api.env["TXPLATFORM_DATABASE_URL"]) as connection:
        row = connection.execute("SELECT count(*) FROM events").fetchone()
        assert row is not None
        return int(row[0])


def balance(client: httpx.Client, account_id: str) -> dict[str, Any]:
    """Return the account's balance."""
    answer = client.get(f"/v1/accounts/{account_id}/balance")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
