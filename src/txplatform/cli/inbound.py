"""`txplatform inbound`: list, show, retry and discard parked messages; show and reset positions."""

import argparse
import base64
import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

from txplatform.cli.author import add_author_argument, author_of
from txplatform.cli.paging import configure_paging, print_next
from txplatform.cli.recorded_text import recorded_text
from txplatform.consumers.parked_messages import (
    NoSuchMessageError,
    discard_message,
    retry_message,
)
from txplatform.contracts.encoding import rfc3339
from txplatform.contracts.inbound_messages import InboundMessageResponse, MessageStatus
from txplatform.contracts.messages import INBOUND
from txplatform.inbox import positions
from txplatform.inbox.message_list import list_messages
from txplatform.inbox.reader import StoredMessage, stored_message
from txplatform.pluralize import pluralize
from txplatform.settings import load_settings

_PRINTABLE = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="list messages, in order of arrival")
    listing.add_argument(
        "--status",
        choices=[*(status.value for status in MessageStatus), "all"],
        help="only messages with this status (default: parked, or all with --business-id)",
    )
    listing.add_argument("--topic", choices=list(INBOUND), help="only messages of this topic")
    listing.add_argument("--account", help="only messages of this account")
    listing.add_argument(
        "--business-id",
        metavar="ID",
        help="only messages with this id in their body, such as a payment id",
    )
    configure_paging(listing, default=50)

    show = actions.add_parser("show", help="show a message with key, headers and body")
    show.add_argument("id", type=int)

    retry = actions.add_parser("retry", help="apply parked messages again")
    retry.add_argument("id", type=int, nargs="+")

    discard = actions.add_parser("discard", help="discard parked messages permanently")
    discard.add_argument("id", type=int, nargs="+")
    discard.add_argument(
        "--reason", required=True, type=recorded_text, help="reason, recorded with the message"
    )

    position_list = actions.add_parser("positions", help="show the next offset of each partition")

    reset = actions.add_parser(
        "reset", help="read a topic from its beginning; no message is applied twice"
    )
    reset.add_argument("topic", choices=list(INBOUND))
    reset.add_argument("--partition", type=int, help="only this partition")

    for action in (retry, discard):
        add_author_argument(action)
    for action in (listing, show, retry, discard, position_list, reset):
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run one action; return 1 if a retried message was parked again."""
    failed = False
    with load_settings().service_database.connect() as connection:
        match arguments.action:
            case "list":
                searched = MessageStatus.PARKED if arguments.business_id is None else "all"
                status = arguments.status or searched
                page = list_messages(
                    connection,
                    topic=arguments.topic,
                    account_id=arguments.account,
                    status=None if status == "all" else MessageStatus(status),
                    business_id=arguments.business_id,
                    limit=arguments.limit,
                    cursor=arguments.cursor,
                )
                messages = [_plain(asdict(each)) for each in page.items]
                result: object = {"items": messages, "next_cursor": page.next_cursor}
                lines = [_HEADER, *(_line(each) for each in page.items)] if messages else []
                if not arguments.json:
                    print_next(page.next_cursor)
            case "show":
                stored = stored_message(connection, arguments.id)
                if stored is None:
                    raise NoSuchMessageError
                result = contents = _contents(stored)
                lines = [
                    f"{name:<16} {line}"
                    for name, value in contents.items()
                    for line in _shown(value)
                ]
            case "retry":
                by = author_of(arguments)
                outcomes = {each: retry_message(connection, each, by) for each in arguments.id}
                result = [{"id": each, **outcome._asdict()} for each, outcome in outcomes.items()]
                lines = [
                    f"{each} {outcome.status.value}"
                    + (f": {outcome.reason}: {outcome.detail}" if outcome.reason else "")
                    for each, outcome in outcomes.items()
                ]
                failed = any(each.status is MessageStatus.PARKED for each in outcomes.values())
            case "discard":
                by = author_of(arguments)
                for each in arguments.id:
                    discard_message(connection, each, arguments.reason, by)
                result = {"discarded": arguments.id}
                lines = [f"{each} discarded" for each in arguments.id]
            case "positions":
                found = positions.all_positions(connection)
                result = [{"cluster_id": cluster, **each._asdict()} for cluster, each in found]
                lines = [f"{each.topic}[{each.partition}] {each.next_offset}" for _, each in found]
            case _:
                count = positions.reset(connection, arguments.topic, arguments.partition)
                result = {"reset": count}
                reset = f"{pluralize(count, 'position')} reset"
                lines = [f"{reset}: running consumers start again within seconds"]
    if arguments.json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        # Messages may contain control characters, which a terminal must not interpret.
        sys.stdout.writelines(line.translate(_PRINTABLE) + "\n" for line in lines)
    return 1 if failed else 0


_COLUMNS = "{:>8}  {:<20}  {:<9}  {:<48}  {:<24}  {:<28}  {}"
_HEADER = _COLUMNS.format(
    *("id", "received", "status", "topic[partition]@offset", "account", "business key", "reason")
)


def _line(message: InboundMessageResponse) -> str:
    where = f"{message.topic}[{message.partition}]@{message.offset}"
    return _COLUMNS.format(
        message.id,
        f"{message.received_at:%Y-%m-%dT%H:%M:%SZ}",
        message.status.value,
        where,
        message.account_id or "-",
        message.business_key or "-",
        f"{message.reason}: {message.detail}" if message.reason else "-",
    )


def _shown(value: Any) -> list[str]:
    """Return a value of a message as lines for people."""
    match value:
        case None | []:
            return ["-"]
        case bool():
            return ["yes" if value else "no"]
        case [[_, _], *_]:  # headers
            return [f"{name}: {'-' if text is None else text}" for name, text in value]
        case list():
            return [", ".join(value)]
        case _:
            return [str(value)]


def _contents(stored: StoredMessage) -> dict[str, Any]:
    received = stored.received
    return {
        **_plain(asdict(stored.summary)),
        "key": _text(received.key),
        "headers": [[name, _text(value)] for name, value in received.headers],
        "body": _text(received.body),
    }


def _text(data: bytes | None) -> str | None:
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(data).decode()


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in fields.items()
    }
