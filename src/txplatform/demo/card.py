"""What the demo prints once it runs: where everything is, and three lines to try."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def card(  # noqa: PLR0913  # what is printed
    *, api_url: str, worker_url: str, kafka: str, key: str, account: str, folder: Path
) -> str:
    """The text of the card; its curl lines can be pasted as they are."""
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

A year of real purchases and refunds (London Borough of Barnet, Open Barnet) is being replayed: each
is asked for on the day the card was used and cleared on the day it was posted.
Ctrl-C stops everything; the data stays. `--fresh` starts over.
"""
