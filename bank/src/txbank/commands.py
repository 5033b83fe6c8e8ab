"""Run the services, migrate their databases, and manage API keys and users."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from uuid import UUID

import psycopg
from psycopg.errors import UndefinedColumn, UndefinedTable
from psycopg.rows import dict_row

from txbank import accounts, api_keys, notifications, payments, process, web
from txbank.database import Connection
from txbank.errors import TxBankError
from txbank.service import Service
from txbank.settings import CommonSettings, load, refuse_unknown_settings
from txbank.streams import give_up, prepare_streams
from txbank.web.users import (
    BadUserError,
    OwnAccount,
    Role,
    add_account,
    add_user,
    check_new_user,
)
from txplatform_client import TxPlatformClientError

SERVICES: dict[str, Service] = {
    each.name: each
    for each in (accounts.SERVICE, payments.SERVICE, web.SERVICE, notifications.SERVICE)
}
"""All services of the bank, by name. To add one, write its package and list it here."""

_SCOPES = {scope: each for each in SERVICES.values() for scope in each.scopes}


class DatabaseError(TxBankError):
    """The database of a service cannot be used as it is."""


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 1 after a failure, 2 for wrong usage."""
    prepare_streams()
    problem = ""
    try:
        try:
            code = _run(_parser().parse_args(words))
        finally:
            if not isinstance(sys.exception(), Exception):
                sys.stdout.flush()  # also if argparse has printed help
    except (TxBankError, TxPlatformClientError) as error:
        code, problem = 1, str(error)
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":
            raise
        code, problem = 1, "An argument is not text in the encoding of the locale."
    except KeyboardInterrupt:
        code, problem = 1, "Interrupted."
    except BrokenPipeError:
        code = 0
    except OSError as error:
        code, problem = 1, f"{error.strerror}."
    give_up(problem)
    return code


def _run(arguments: argparse.Namespace) -> int:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="txbank", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('txbank')}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in SERVICES:
        commands.add_parser(name, help=f"run the service {name}")
    commands.add_parser("all", help="run all services in one process")
    migrate = commands.add_parser("migrate", help="update the databases to this version")
    migrate.add_argument("service", nargs="?", choices=SERVICES, help="only that of one service")
    keys = commands.add_parser("keys", help="create, list and revoke API keys")
    actions = keys.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="create a key and print it once, as JSON")
    create.add_argument("--name", required=True, type=_text)
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
    add.add_argument("name", type=_text)
    add.add_argument("--role", required=True, choices=[*Role])
    add.add_argument("--account", action="append", default=[], dest="accounts", type=_text)
    return parser


def _text(given: str) -> str:
    if not given.isprintable():
        raise argparse.ArgumentTypeError("is not a line of text")
    return given


def _migrate(names: Sequence[str]) -> int:
    for name in names:
        service = SERVICES[name]
        with _explained(service):
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
    try:
        password = sys.stdin.buffer.readline().decode().rstrip("\n")
    except UnicodeDecodeError:
        raise BadUserError("The password is not UTF-8 text.", fields=["password"]) from None
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


@contextmanager
def _connect(service: Service) -> Iterator[Connection]:
    """Open a connection to the database of a service, which commits unless an error leaves it.

    Raises:
        DatabaseError: The database is down or not migrated, or refuses a statement.
    """
    url = load(service.settings).service_url
    with _explained(service), psycopg.connect(url, row_factory=dict_row) as connection:
        yield connection


@contextmanager
def _explained(service: Service) -> Iterator[None]:
    """Turn errors of a service's database into one that says what to do."""
    try:
        yield
    except (UndefinedTable, UndefinedColumn) as error:
        raise DatabaseError(
            f"The database of {service.name} is not migrated to this version.",
            next_step=f"Run `txbank migrate {service.name}`.",
        ) from error
    except psycopg.Error as error:
        raise DatabaseError(
            f"The database of {service.name} cannot be used.",
            why=f"{str(error).strip().rstrip('.')}.",
            next_step=f"Check TXBANK_{service.name.upper()}_DATABASE_URL and that the server runs.",
        ) from error
