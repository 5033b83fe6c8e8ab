"""`txplatform events`: print an account's history with the state after each event."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import orjson
from rich.table import Table

from txplatform.audit.history import account_history
from txplatform.cli.tables import print_table
from txplatform.contracts.times import rfc3339
from txplatform.database import Database
from txplatform.domain.events import (
    AccountOpened,
    AuthorizationApproved,
    AuthorizationDeclined,
    CreditLimitChanged,
    CreditLimitChangeSuperseded,
    MessageWaiting,
    PaymentReceived,
    PaymentReturned,
    WaitingMessageRejected,
    business_key,
)
from txplatform.domain.ids import AccountId
from txplatform.eventstore.mapper import encode_event
from txplatform.settings import load_settings

if TYPE_CHECKING:
    import argparse

    from txplatform.audit.history import HistoryEntry
    from txplatform.domain.events import AccountEvent


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--account", required=True, metavar="ID", help="the account")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(arguments: argparse.Namespace) -> int:
    """Print the history; an account without events is an error."""
    account_id = AccountId(arguments.account)
    with Database.for_service(load_settings()).connect() as connection:
        history = account_history(connection, account_id)
        if arguments.json:
            for entry in history:
                sys.stdout.write(_as_json(entry))
            return 0
        table = Table(title=f"Account {account_id}, money in minor units")
        table.add_column("version", justify="right")
        table.add_column("decided at (UTC)", no_wrap=True)
        table.add_column("what happened", overflow="fold")
        for name in ("limit", "posted", "pending", "available"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("waiting", justify="right")
        for entry in history:
            balance = entry.balance
            table.add_row(
                str(entry.event.originator_version),
                entry.event.timestamp.strftime("%Y-%m-%d %H:%M:%S.%f"),
                describe(entry.event),
                str(balance.credit_limit),
                str(balance.posted),
                str(balance.pending),
                str(balance.available),
                str(len(entry.waiting) or ""),
            )
    print_table(table)
    return 0


def describe(event: AccountEvent) -> str:  # noqa: PLR0911  # one for each kind of event
    """An event in a few words."""
    match event:
        case AccountOpened(opening=opening):
            return f"opened in {opening.currency} with limit {opening.credit_limit}"
        case CreditLimitChanged(change=change):
            return f"limit version {change.limit_version}: {change.credit_limit}"
        case CreditLimitChangeSuperseded(change=change):
            return f"limit version {change.limit_version} came late, no effect"
        case AuthorizationApproved(purchase=purchase):
            return f"approved {purchase.amount} {purchase.currency}, {purchase.transaction_id}"
        case AuthorizationDeclined(purchase=purchase, reasons=reasons):
            codes = ", ".join(reason.code for reason in reasons)
            return (
                f"declined {purchase.amount} {purchase.currency}, {purchase.transaction_id}:"
                f" {codes}"
            )
        case PaymentReceived(payment=payment):
            return f"payment of {payment.amount} {payment.currency}, {payment.payment_id}"
        case PaymentReturned(payment_return=returned):
            return f"payment returned, {returned.amount} {returned.currency}, {returned.payment_id}"
        case MessageWaiting():
            return f"{business_key(event.message)} waits"
        case WaitingMessageRejected():
            return f"{event.business_key} rejected: {event.reason}"
        case _:
            return event.TOPIC


def _as_json(entry: HistoryEntry) -> str:
    event, balance = entry.event, entry.balance
    facts = orjson.loads(encode_event(event))
    for name in ("timestamp", "event_id", "traceparent"):
        del facts[name]
    line = orjson.dumps(
        {
            "account_version": event.originator_version,
            "log_position": entry.position,
            "event_id": event.event_id,
            "type": event.TOPIC,
            "key": event.key,
            "decided_at": rfc3339(event.timestamp),
            "recorded_at": rfc3339(entry.recorded_at),
            "traceparent": event.traceparent,
            "facts": facts,
            "state": {
                "currency": entry.currency,
                "credit_limit": balance.credit_limit,
                "limit_version": entry.limit_version,
                "posted": balance.posted,
                "pending": balance.pending,
                "available": balance.available,
                "waiting": entry.waiting,
            },
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
    return line.decode()
