"""`txbank`: run the services, migrate their databases, and manage API keys and users."""

import argparse
import json
import sys
from collections.abc import Sequence
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from txbank import accounts, api_keys, notifications, payments, process, web
from txbank.errors import TxBankError
from txbank.service import Service
from txbank.settings import CommonSettings, load, refuse_unknown_settings
from txbank.web.users import OwnAccount, Role, add_account, add_user, check_new_user
from txplatform_client import TxPlatformClientError

SERVICES: dict[str, Service] = {
    each.name: each
    for each in (accounts.SERVICE, payments.SERVICE, web.SERVICE, notifications.SERVICE)
}
"""All services of the bank, by name. To add one, write its package and list it here."""

_SCOPES = {scope: each for each in SERVICES.values() for scope in each.scopes}


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 1 after a failure, 2 for wrong usage."""
    arguments = _parser().parse_args(words)
    try:
        refuse_unknown_settings(service.settings for service in SERVICES.values())
        match arguments.command:
            case "migrate":
                return _migrate([arguments.service] if arguments.service else [*SERVICES])
            case "keys":
                return _keys(arguments)
            case "users":
                return _add_user(arguments)
            case "all":
                return process.run([*SERVICES.values()])
            case name:
                return process.run([SERVICES[name]])
    except (TxBankError, TxPlatformClientError, psycopg.OperationalError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="txbank", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in SERVICES:
        commands.add_parser(name, help=f"run the service {name}")
    commands.add_parser("all", help="run all services in one process")
    migrate = commands.add_parser("migrate", help="update the databases to this version")
    migrate.add_argument("service", nargs="?", choices=SERVICES, help="only that of one service")
    keys = commands.add_parser("keys", help="create, list and revoke API keys")
    actions = keys.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="create a key and print it once, as JSON")
    create.add_argument("--name", required=True)
    create.add_argument("--scope", action="append", required=True, choices=_SCOPES, dest="scopes")
    actions.add_parser("list", help="list a service's keys as JSON lines").add_argument(
        "service", choices=SERVICES
    )
    revoke = actions.add_parser("revoke", help="revoke a key of a service")
    revoke.add_argument("service", choices=SERVICES)
    revoke.add_argument("id", type=UUID)
    users = commands.add_parser("users", help="add users of the web bank")
    add = users.add_subparsers(dest="action", required=True).add_parser(
        "add", help="add a user, whose password is the first line of the standard input"
    )
    add.add_argument("name")
    add.add_argument("--role", required=True, choices=[*Role])
    add.add_argument("--account", action="append", default=[], dest="accounts")
    return parser


def _migrate(names: Sequence[str]) -> int:
    for name in names:
        service = SERVICES[name]
        revisions = service.schema.migrate(load(service.settings))
        sys.stdout.write(f"{name}: {', '.join(revisions)}\n")
    return 0


def _keys(arguments: argparse.Namespace) -> int:
    if arguments.action == "create":
        key_id, key = api_keys.new_key()
        for name in sorted({_SCOPES[scope].name for scope in arguments.scopes}):
            scopes = [scope for scope in arguments.scopes if _SCOPES[scope].name == name]
            with _connect(SERVICES[name]) as connection:
                api_keys.store_key(connection, key_id, key, name=arguments.name, scopes=scopes)
        found = {"id": str(key_id), "key": key, "scopes": arguments.scopes}
        sys.stdout.write(json.dumps(found) + "\n")
        return 0
    with _connect(SERVICES[arguments.service]) as connection:
        if arguments.action == "list":
            for each in api_keys.list_keys(connection):
                sys.stdout.write(json.dumps(each, default=str) + "\n")
        else:
            api_keys.revoke_key(connection, arguments.id)
    return 0


def _add_user(arguments: argparse.Namespace) -> int:
    password = sys.stdin.readline().rstrip("\n")
    check_new_user(arguments.name, password)
    services = web.services_of(load(CommonSettings), load(web.WebSettings))
    accounts = [services.read_account(each) for each in arguments.accounts]
    with _connect(web.SERVICE) as connection:
        add_user(connection, arguments.name, password, Role(arguments.role))
        for each in accounts:
            add_account(
                connection,
                arguments.name,
                OwnAccount(each.account_id, each.currency, each.product),
            )
    return 0


def _connect(service: Service) -> psycopg.Connection[psycopg.rows.DictRow]:
    return psycopg.connect(load(service.settings).service_url, row_factory=dict_row)


if __name__ == "__main__":
    sys.exit(main())
