"""What the demo prints once it runs: where everything is, and lines to try in another shell."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path


def card(  # noqa: PLR0913  # what is printed
    *,
    api_url: str,
    worker_url: str,
    kafka: str,
    key: str,
    account: str,
    folder: Path,
    settings: Mapping[str, str],
) -> str:
    """The text of the card; its curl lines and commands can be pasted as they are.

    Args:
        api_url: Where the API answers.
        worker_url: Where the worker's metrics are.
        kafka: The bus's host and port.
        key: An API key with every scope.
        account: One that makes purchases.
        folder: Where the data is.
        settings: With these the command line works on the demo's data.
    """
    purchase = {
        "transaction_id": "try-1",
        "account_id": account,
        "amount": 1250,
        "currency": "GBP",
        "merchant": {
            "id": "m-17",
            "name": "Corner Books",
            "category_code": "5942",
            "country": "GBR",
        },
    }
    authorization = f"-H 'Authorization: Bearer {key}'"
    json_type = "-H 'Content-Type: application/json'"
    account_url = f"{api_url}/v1/accounts/{account}"
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
    return f"""
txplatform demo

  API        {api_url}  ({api_url}/docs, {api_url}/openapi.json)
  metrics    {api_url}/metrics  {worker_url}/metrics
  Kafka      {kafka}
  API key    {key}
  data       {folder}

Try it:

curl -s {api_url}/v1/process-transaction {authorization} {json_type} -d '{json.dumps(purchase)}'
curl -s {account_url}/balance {authorization}
curl -s '{account_url}/transactions?limit=5' {authorization}

In another shell the command line (`--help` lists it) works on the same data:

export {given}
{_command()} verify

A year of real purchases and refunds (London Borough of Barnet, Open Barnet) is being replayed: each
is asked for on the day the card was used and cleared on the day it was posted.
Ctrl-C stops everything; the data stays. `--fresh` starts over.
"""


def _command() -> str:
    """`txplatform` of the installation that runs, which need not be on the PATH."""
    path, here = Path(sys.executable).with_name("txplatform"), Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
