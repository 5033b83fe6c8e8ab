"""`txplatform accounts`: list accounts and their balances, or show one."""

import argparse
import sys
from typing import Any

import orjson
import psycopg
from rich.table import Table

from txplatform.audit.history import UnknownAccountError
from txplatform.cli.account_values import account_values
from txplatform.cli.tables import print_table
from txplatform.domain.account import Account
from txplatform.domain.currencies import format_amount
from txplatform.domain.ids import AccountId
from txplatform.eventstore.accounts import Accounts
from txplatform.processing.all_accounts import all_accounts
from txplatform.settings import load_settings

_MONEY = ("credit_limit", "posted", "pending", "available")


def configure(parser: argparse.ArgumentParser) -> None:
    as_json = {"action": "store_true", "help": "print one JSON object per line"}
    parser.add_argument("--json", **as_json)  # type: ignore[arg-type]  # mypy takes them one by one
    commands = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = commands.add_parser("list", help="list all accounts; the list may lag")
    show = commands.add_parser("show", help="show one account; never lags")
    show.add_argument("account", metavar="ID", help="the account")
    for command in (listing, show):
        # The default must not undo an option that was given before the action.
        command.add_argument("--json", default=argparse.SUPPRESS, **as_json)  # type: ignore[arg-type]
    parser.set_defaults(action="list")


def run(arguments: argparse.Namespace) -> int:
    """List all accounts or show one. Fail if the account to show has no events."""
    with load_settings().service_database.connect() as connection:
        if arguments.action == "show":
            return _show(connection, AccountId(arguments.account), as_json=arguments.json)
        return _list(connection, as_json=arguments.json)


def _list(connection: psycopg.Connection, *, as_json: bool) -> int:
    table = Table(title="Accounts")
    for name in ("account", "status", "currency"):
        table.add_column(name, no_wrap=True)
    for name in ("limit", "posted", "pending", "available", "version"):
        table.add_column(name, justify="right", no_wrap=True)
    for account in all_accounts(connection):
        if as_json:
            _write_json(_shown(account))
        else:
            table.add_row(
                account.account_id,
                account.status if account.opened else "not opened",
                account.currency or "",
                *(format_amount(getattr(account, name), account.currency) for name in _MONEY),
                str(account.version),
            )
    if not as_json:
        print_table(table)
    return 0


def _show(connection: psycopg.Connection, account_id: AccountId, *, as_json: bool) -> int:
    account = Accounts(connection).account(account_id)
    if account.version == 0:
        raise UnknownAccountError(account_id)
    if as_json:
        _write_json(_shown(account))
        return 0
    table = Table(title=f"Account {account_id}", show_header=False)
    for name, value in _shown(account).items():
        text = "\n".join(value) if isinstance(value, list) else str(value)
        table.add_row(name, format_amount(value, account.currency) if name in _MONEY else text)
    print_table(table)
    return 0


def _shown(account: Account) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "account_version": account.version,
        "opened": account.opened,
        **account_values(account),
    }


def _write_json(value: dict[str, Any]) -> None:
    line = orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
    sys.stdout.write(line.decode())
