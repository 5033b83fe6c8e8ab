"""The text that the demo prints when it is ready: addresses, the API key and commands to try."""

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from txplatform.demo.card import BankCard, PlatformCard


def welcome_text(  # noqa: PLR0913  # everything that is printed
    *,
    platform: PlatformCard,
    bank: BankCard | None,
    worker_url: str,
    account: str,
    folder: Path,
    settings: Mapping[str, str],
) -> str:
    """Return the text; its curl lines and commands can be pasted into a shell unchanged.

    Args:
        platform: The platform's addresses and key.
        bank: The bank's addresses, key and logins; None if it does not run.
        worker_url: The base URL of the worker's metrics.
        account: The id of an account that makes purchases.
        folder: The data folder.
        settings: The environment variables that make the CLI use the demo's data.
    """
    api_url, key = platform.url, platform.key
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
    environment = {**settings, "TXPLATFORM_API_URL": api_url, "TXPLATFORM_API_KEY": key}
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    return f"""
txplatform demo

  API        {api_url}  ({api_url}/docs, {api_url}/openapi.json)
  metrics    {api_url}/metrics  {worker_url}/metrics
  Kafka      {platform.kafka}
  API key    {key}
  data       {folder}
{"" if bank is None else _bank_text(bank)}
Try it:

curl -s {api_url}/v1/process-transaction {authorization} {json_type} -d '{json.dumps(purchase)}'
curl -s {account_url}/balance {authorization}
curl -s '{account_url}/transactions?limit=5' {authorization}

To use the demo from another shell, with all commands (`--help`) and the curl lines of README.md:

export {exports}
{_command()} verify

The demo replays a year of real purchases and refunds (London Borough of Barnet, Open Barnet). Each
purchase is authorized on the day the card was used and cleared on the day it was posted: the clock
by which this database decides is simulated. Between the days of the simulator, it runs as usual.
Ctrl-C stops everything and keeps the data; the next start goes on with the next year and with new
accounts. `--fresh` starts without the data.
"""


def _bank_text(bank: BankCard) -> str:
    return f"""
The bank, whose accounts service opened the accounts (its APIs are described at /openapi.json):

  web bank       {bank.web_url}
    cardholder   {bank.cardholder.user}  password {bank.cardholder.password}
    staff        {bank.staff.user}  password {bank.staff.password}
  accounts       {bank.accounts_url}
  payments       {bank.payments_url}
  notifications  {bank.notifications_url}  (mails are in bank.log, in the data folder)
  API key        {bank.key}
"""


def _command() -> str:
    path, here = Path(sys.executable).with_name("txplatform"), Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
