"""Read payments, returns and settlement items from CSV files (RFC 4180)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from txplatform.contracts.messages import PaymentReturnedMessage, PaymentSubmittedMessage
from txplatform.importing.amounts import minor_units
from txplatform.importing.csv_columns import PAYMENT_COLUMNS, Column, columns_for
from txplatform.importing.records import FileRecord, Read, Refusal, UnusableFileError

_DELIMITERS = ",;\t"
_TOPICS = {"payment": PaymentSubmittedMessage.TOPIC, "return": PaymentReturnedMessage.TOPIC}
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class CsvFile:
    """Reads a CSV file with a header, separated by commas, semicolons or tabs."""

    path: Path

    def read(self) -> Iterator[Read]:
        """Yield a record for each line.

        Raises:
            UnusableFileError: The file is not CSV in UTF-8, or its header has wrong columns.
        """
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                delimiter = max(_DELIMITERS, key=file.readline().count)
                file.seek(0)
                yield from _read_rows(csv.reader(file, delimiter=delimiter, strict=True))
        except UnicodeDecodeError:
            problem = "it is not in UTF-8"
        except (csv.Error, ValueError) as error:
            problem = str(error)
        else:
            return
        raise UnusableFileError(
            f"{self.path.name} is no CSV file for the import: {problem}.",
            next_step="docs/messages.md and docs/settlement.md list the columns.",
        )


def _read_rows(rows: Any) -> Iterator[Read]:
    """Yield a record for each row of a `csv.reader`.

    Raises:
        ValueError: The header has wrong columns.
    """
    header = [name.strip() for name in next(rows, [])]
    columns = columns_for(header)
    end_of_last = rows.line_num
    for row in rows:
        line, end_of_last = end_of_last + 1, rows.line_num  # a quoted cell may have line breaks
        if not row:
            continue
        if len(row) != len(header):
            cells = f"the line has {len(row)} cells and the header {len(header)}."
            yield Refusal(line, None, "cells", cells)
            continue
        yield _read_row(line, dict(zip(header, map(str.strip, row), strict=True)), columns)


def _read_row(line: int, cells: Mapping[str, str], columns: Mapping[str, Column]) -> Read:
    kind = None
    if columns is PAYMENT_COLUMNS:
        kind = cells.get("kind") or "payment"
        if kind not in _TOPICS:
            return Refusal(line, "kind", "cell", "kind must be payment or return.")
    body: dict[str, Any] = {}
    for name, cell in cells.items():
        if not cell or name == "kind":
            continue
        column = columns.get(name)
        try:
            value = cell if column is None else _value(column, cell, cells, kind)
        except ValueError as error:
            return Refusal(line, name, "cell", f"{name} {error}.")
        parent, _, child = name.partition(".")
        if child:
            body.setdefault(parent, {})[child] = value
        else:
            body[name] = value
    return FileRecord(line, _TOPICS[kind] if kind is not None else None, body)


def _value(column: Column, cell: str, cells: Mapping[str, str], kind: str | None) -> Any:
    """Return the value of a cell.

    Raises:
        ValueError: The cell does not fit its column.
    """
    if column.only_for is not None and column.only_for != kind:
        raise ValueError(f"is only for a {column.only_for}")
    match column.kind:
        case "amount":
            return minor_units(cell, cells[column.currency_in])
        case "boolean":
            if cell not in _BOOLEANS:
                raise ValueError("must be true or false")
            return _BOOLEANS[cell]
        case "text":
            return cell
