"""`txplatform keys`: create, list and revoke API keys."""

import argparse
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich.markup import escape
from rich.table import Table

from txplatform.api_keys import (
    MAX_ACCOUNTS,
    PLATFORM_SCOPES,
    ApiKey,
    Scope,
    create_key,
    list_keys,
    revoke_key,
)
from txplatform.cli.recorded_text import recorded_text
from txplatform.cli.tables import print_table
from txplatform.contracts.encoding import to_json
from txplatform.contracts.fields import UrlId
from txplatform.settings import load_settings

_ACCOUNT_ID: TypeAdapter[str] = TypeAdapter(UrlId)


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="create a key; it is shown only once")
    create.add_argument(
        "--name", required=True, type=recorded_text, help="name of the client that uses the key"
    )
    create.add_argument(
        "--scope",
        required=True,
        action="append",
        choices=[scope.value for scope in Scope],
        metavar="SCOPE",
        help=f"permission, repeatable: {', '.join(Scope)}",
    )
    create.add_argument(
        "--expires", type=_when, help="expiry: RFC 3339 time, date, or days such as 90d"
    )
    create.add_argument(
        "--account",
        action="append",
        type=_account_id,
        metavar="ACCOUNT",
        help=f"limit the key to this account, repeatable up to {MAX_ACCOUNTS} times",
    )
    create.set_defaults(refuse=create.error)
    revoke = actions.add_parser("revoke", help="revoke a key")
    revoke.add_argument("id", help="id of the key, from `keys list`")
    for action in (create, revoke, actions.add_parser("list", help="list all keys")):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "create" and arguments.account:
        _check_limit(arguments)
    with load_settings().service_database.connect() as connection:
        match arguments.action:
            case "create":
                created, secret = create_key(
                    connection,
                    name=arguments.name,
                    scopes=dict.fromkeys(map(Scope, arguments.scope)),
                    expires_at=arguments.expires,
                    accounts=arguments.account or (),
                )
                if arguments.json:
                    accounts = {"accounts": _accounts(created)} if created.accounts else {}
                    _print({"id": created.id, "key": secret, "scopes": created.scopes, **accounts})
                else:
                    sys.stdout.write(f"{secret}\n")
                    sys.stderr.write(f"{created.id}: store the key now, it is not shown again\n")
            case "list":
                keys = list_keys(connection)
                if arguments.json:
                    _print([_plain(key) for key in keys])
                else:
                    _print_table(keys)
            case "revoke":
                revoked = revoke_key(connection, arguments.id)
                if arguments.json:
                    _print(_plain(revoked))
                else:
                    sys.stdout.write(f"revoked {revoked.id}; every process refuses it within 5 s\n")
    return 0


def _check_limit(arguments: argparse.Namespace) -> None:
    """Refuse a limit that the key cannot have."""
    if len(set(arguments.account)) > MAX_ACCOUNTS:
        arguments.refuse(f"a key can be limited to at most {MAX_ACCOUNTS} accounts")
    if unusable := [scope for scope in PLATFORM_SCOPES if scope in arguments.scope]:
        arguments.refuse(
            f"a key that is limited to accounts cannot have the scope {unusable[0]}, since rule"
            " sets concern all accounts"
        )


def _accounts(key: ApiKey) -> list[str] | None:
    return None if key.accounts is None else sorted(key.accounts)


def _plain(key: ApiKey) -> dict[str, Any]:
    return {**asdict(key), "accounts": _accounts(key)}


def _print(value: Any) -> None:
    sys.stdout.write(to_json(value).decode() + "\n")


def _print_table(keys: list[ApiKey]) -> None:
    table = Table(
        *("id", "name", "scopes", "accounts", "created", "expires", "revoked", "last used"),
        box=None,
        pad_edge=False,
        collapse_padding=True,
    )
    for key in keys:
        times = (key.created_at, key.expires_at, key.revoked_at, key.last_used_at)
        table.add_row(
            key.id,
            escape(key.name),
            " ".join(key.scopes),
            " ".join(_accounts(key) or ()),
            *(f"{time:%Y-%m-%d %H:%M}" if time else "" for time in times),
        )
    print_table(table)


def _account_id(word: str) -> str:
    try:
        return _ACCOUNT_ID.validate_python(word)
    except ValidationError:
        raise argparse.ArgumentTypeError(
            f"{word!r} is not the id of an account: 1 to 64 letters, digits and . _ : -"
        ) from None


def _when(text: str) -> datetime:
    now = datetime.now(UTC)
    try:
        if text.endswith("d") and text[:-1].isdecimal():
            when = now + timedelta(days=int(text[:-1]))
        else:
            when = datetime.fromisoformat(text)
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a time such as 2027-01-31T00:00:00Z nor days such as 90d"
        ) from None
    if when <= now:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not in the future, so the key would never be valid"
        )
    return when
