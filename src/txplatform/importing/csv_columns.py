"""The columns of CSV files. docs/messages.md and docs/settlement.md list them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

METADATA = "metadata."
"""The prefix of columns that become metadata."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, named as the field of the contract; `merchant.id` is the field in `merchant`.

    Attributes:
        kind: An `amount` is in units of the currency in the column `currency_in`. A `text`, such
            as a time, is sent unchanged.
        only_for: The kind of record that the column is for; None for all.
    """

    name: str
    meaning: str
    kind: Literal["text", "amount", "boolean"] = "text"
    required: bool = False
    currency_in: str = "currency"
    only_for: str | None = None


def _columns(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


_MONEY = (
    Column("account_id", "the account", required=True),
    Column("amount", "in units of the currency, such as `12.50`", "amount", required=True),
    Column("currency", "ISO 4217 code", required=True),
)
_DESCRIPTION = (
    Column(
        "original_amount",
        "in units of `original_currency`",
        "amount",
        currency_in="original_currency",
    ),
    Column("original_currency", "ISO 4217 code"),
    Column("reference", "a reference to find it by"),
)

PAYMENT_COLUMNS = _columns(
    Column("payment_id", "of the payment, also for its return", required=True),
    *_MONEY,
    Column("kind", "`payment` or `return`; empty means payment"),
    Column("submitted_at", "time or date of the payment", only_for="payment"),
    Column("returned_at", "time or date of the return", only_for="return"),
    Column("reason", "why the bank returned it", only_for="return"),
    *_DESCRIPTION,
)
"""The columns of a file with payments and returns."""

CLEARING_COLUMNS = _columns(
    Column("clearing_id", "of the presentment", required=True),
    *_MONEY,
    Column("transaction_id", "the authorization's; empty if there was none"),
    Column("direction", "`debit` or `credit`; empty means debit"),
    Column("reverses_clearing_id", "of a correction: the presentment that it takes back"),
    Column("final", "`true` or `false`; empty means true", "boolean"),
    Column("occurred_at", "time or date of the purchase"),
    Column("merchant.id", "acceptor id"),
    Column("merchant.name", "acceptor name"),
    Column("merchant.category_code", "ISO 18245, four digits"),
    Column("merchant.country", "ISO 3166-1 alpha-3"),
    *_DESCRIPTION,
)
"""The columns of a file with settlement items."""

_KINDS = {"payment_id": PAYMENT_COLUMNS, "clearing_id": CLEARING_COLUMNS}
"""The columns of each kind of file, by the column that tells the kind."""


def columns_for(header: Sequence[str]) -> Mapping[str, Column]:
    """Return the columns of the kind of file that has this header.

    Raises:
        ValueError: The header has unknown, repeated or missing columns. The message names all.
    """
    kinds = [columns for key, columns in _KINDS.items() if key in header]
    if len(kinds) != 1:
        raise ValueError(f"the header must have one of {' and '.join(_KINDS)}")
    (known,) = kinds
    problems = [
        f"column {column.name} is missing"
        for column in known.values()
        if column.required and column.name not in header
    ]
    for number, name in enumerate(header, start=1):
        if header.index(name) != number - 1:
            problems.append(f"column {number}, {name!r}, is there twice")
        elif name not in known and not (name.startswith(METADATA) and name != METADATA):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"column {number}, {name!r}, is not known{hint}")
    problems += [
        f"column {column.name} needs a column {column.currency_in}"
        for column in known.values()
        if column.kind == "amount" and column.name in header and column.currency_in not in header
    ]
    if problems:
        raise ValueError("; ".join(problems))
    return known
