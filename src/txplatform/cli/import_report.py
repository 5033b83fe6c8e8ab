"""Print the records and the report of `txplatform import`."""

import sys
from collections.abc import Iterable
from typing import Any

import orjson
from rich.table import Table

from txplatform.cli.tables import print_table
from txplatform.domain.currencies import format_amount
from txplatform.importing.records import FileRecord
from txplatform.importing.report import RESULTS, Line, Report
from txplatform.pluralize import pluralize

_CONTROL = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")


def print_records(records: Iterable[FileRecord], report: Report) -> None:
    """Print what would be sent to stdout, one JSON object a line, and the rest to stderr."""
    for record in records:
        sent: dict[str, Any] = (
            {"post": "/v1/clearings", "item": record.body}
            if record.topic is None
            else {"topic": record.topic, "key": record.body["account_id"], "body": record.body}
        )
        sys.stdout.write(orjson.dumps(sent, option=orjson.OPT_APPEND_NEWLINE).decode())
    for line in report.refused:
        sys.stderr.write(f"refused: {_sentence(line)}\n")
    for why, count in report.skipped.items():
        sys.stderr.write(f"skipped: {count} ({why})\n")


def print_report(report: Report, name: str, *, as_json: bool) -> None:
    """Print the report to stdout: counts, sums and what needs a person."""
    if as_json:
        values = orjson.dumps(report.as_json(), option=orjson.OPT_APPEND_NEWLINE)
        sys.stdout.write(values.decode())
        return
    counts = ", ".join(f"{report.counts[result]} {result}" for result in RESULTS)
    sys.stdout.write(f"{name}: {counts}\n")
    if report.sums:
        print_table(_sums(report))
    for why, count in sorted(report.skipped.items()):
        sys.stdout.write(f"skipped: {count} ({why})\n")
    for flag, count in sorted(report.flags.items()):
        sys.stdout.write(f"flagged: {count} ({flag})\n")
    if report.from_position:
        records = pluralize(report.from_position, "record")
        sys.stdout.write(
            f"{records} without a reference of the bank: the id is the place in the statement."
            " Import these transactions from this file only.\n"
        )
    for why, lines in report.needing_a_person().items():
        sys.stdout.writelines(f"{why}: {_sentence(line)}\n" for line in lines)


def _sums(report: Report) -> Table:
    table = Table()
    for column in ("result", "kind", "records", "amount", "currency"):
        table.add_column(column, justify="right" if column in {"records", "amount"} else "left")
    for (result, kind, currency), (count, amount) in sorted(report.sums.items()):
        table.add_row(result, kind, f"{count:,}", format_amount(amount, currency), currency)
    return table


def _sentence(line: Line) -> str:
    parts = [f"line {line.line}", line.id, line.field, line.reason]
    words = ", ".join(part for part in parts if part) + (f": {line.detail}" if line.detail else "")
    return words.translate(_CONTROL)  # a terminal must not interpret what a file contains
