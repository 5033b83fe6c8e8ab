"""`txplatform contracts`: check messages against the schemas of their topics."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from txplatform.cli.message_check import TOPICS, CheckedMessage, check_message, messages_of
from txplatform.pluralize import pluralize

_STDIN = "-"
_PRINTABLE = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="say which fields of messages are wrong, and why")
    check.add_argument(
        "file", help="JSON: one message, an array, or one on each line; - reads standard input"
    )
    check.add_argument("--topic", choices=TOPICS, help="the topic to which all of them are sent")
    check.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check each message of the file; return 1 if one is invalid."""
    try:
        contents = _read(arguments.file)
    except OSError as error:
        sys.stderr.write(f"txplatform contracts: {arguments.file}: {error.strerror}\n")
        return 2
    checked = [check_message(*each, arguments.topic) for each in messages_of(contents)]
    if not checked:
        sys.stderr.write(f"txplatform contracts: {arguments.file} has no message.\n")
        return 2
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(each) for each in checked]) + "\n")
    else:
        _print(checked)
    return 0 if all(each.valid for each in checked) else 1


def _read(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == _STDIN else Path(file).read_bytes()


def _print(checked: list[CheckedMessage]) -> None:
    for message in checked:
        for finding in message.findings:
            note = "" if finding.invalid else "note: "
            parts = (message.place, message.topic or "", finding.field)
            where = ", ".join(filter(None, parts))
            line = f"{where}: {note}{finding.problem}"
            sys.stdout.write(line.translate(_PRINTABLE) + "\n")
    invalid = sum(not message.valid for message in checked)
    sys.stderr.write(f"{pluralize(len(checked), 'message')}, {invalid} invalid\n")
