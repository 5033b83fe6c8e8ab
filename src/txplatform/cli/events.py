"""`txplatform events`: print an account's history with the state after each event."""

import argparse
import sys
from collections.abc import Mapping

import msgspec
import orjson
from rich.table import Table
from rich.text import Text

from txplatform.audit.history import account_history
from txplatform.cli.account_values import account_values
from txplatform.cli.tables import print_table
from txplatform.contracts.encoding import rfc3339, rfc3339_or_none
from txplatform.database_clock import simulated_clock_text, simulated_time
from txplatform.domain.account import Account
from txplatform.domain.currencies import format_amount
from txplatform.domain.ids import AccountId
from txplatform.eventstore.mapper import event_data
from txplatform.eventstore.statements import LoggedEvent
from txplatform.settings import load_settings

_MONEY = ("credit_limit", "posted", "pending", "available")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", required=True, metavar="ID", help="the account")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


def run(arguments: argparse.Namespace) -> int:
    """Print an account's events. Fail if there are none."""
    account_id = AccountId(arguments.account)
    with load_settings().service_database.connect() as connection:
        history = account_history(connection, account_id)
        now = simulated_time(connection)
        if arguments.json:
            further = {} if now is None else {"simulated": True}
            for logged, account in history:
                sys.stdout.write(_as_json(logged, account, further))
            return 0
        caption = None if now is None else simulated_clock_text(now)
        table = Table(title=f"Account {account_id}", caption=caption)
        table.add_column("version", justify="right")
        table.add_column("decided at (UTC)", no_wrap=True)
        table.add_column("what happened", overflow="fold")
        for name in ("limit", *_MONEY[1:]):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("waiting", justify="right")
        for logged, account in history:
            event = logged.event
            table.add_row(
                str(event.originator_version),
                event.timestamp.strftime("%Y-%m-%d %H:%M:%S.%f"),
                Text(
                    event.summary(account.currency)
                ),  # contains texts from outside, which must not be markup
                *(format_amount(getattr(account, name), account.currency) for name in _MONEY),
                str(len(account.waiting) or ""),
            )
    print_table(table)
    return 0


def _as_json(logged: LoggedEvent, account: Account, further: Mapping[str, bool]) -> str:
    event = logged.event
    line = orjson.dumps(
        {
            "account_id": account.account_id,
            "account_version": event.originator_version,
            "log_position": logged.position,
            "event_id": event.event_id,
            "type": event.TOPIC,
            "key": event.key,
            "business_time": rfc3339_or_none(event.business_time),
            "decided_at": rfc3339(event.timestamp),
            "recorded_at": rfc3339(logged.recorded_at),
            "traceparent": event.traceparent,
            "caused_by": msgspec.to_builtins(event.caused_by),
            "data": event_data(event),
            **further,
            "state": account_values(account),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
    return line.decode()
