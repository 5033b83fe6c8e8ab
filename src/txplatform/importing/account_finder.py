"""Find the account that a record of a file belongs to."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from txplatform.importing.records import UnusableFileError

_COLUMNS = ["key", "account_id"]

ACCOUNT_FACTS = {
    "structured-reference": "the creditor reference of the remittance: RF18…, a QR or OCR number",
    "text": "the unstructured remittance and the bank's text",
    "debtor-account": "the account of the payer",
    "creditor-account": "the account that was paid, for virtual account numbers",
    "end-to-end-id": "the end-to-end id",
    "mandate": "the mandate of a direct debit",
}
"""The facts of a bank's transaction that may name the account, with descriptions."""


class AccountFinder:
    """Finds accounts by the keys in a file: a reference, a bank account or a card number.

    Args:
        sources: The names of the facts that may hold the key, in order.
        pattern: Searched in each fact. The key is its first group, or all of it without a group.
        accounts: The account of each key, from `read_accounts`; None if the key is the account id.
    """

    def __init__(
        self,
        sources: Sequence[str],
        pattern: re.Pattern[str] | None = None,
        accounts: Mapping[str, str] | None = None,
    ) -> None:
        self._sources = sources
        self._pattern = pattern
        self._accounts = accounts

    def account_of(self, facts: Mapping[str, str | None]) -> str | None:
        """Return the account of the first fact that leads to one, or None."""
        for source in self._sources:
            fact = facts.get(source)
            if not fact:
                continue
            if self._pattern is not None:
                found = self._pattern.search(fact)
                fact = found and found.group(1 if self._pattern.groups else 0)
            if fact and (account_id := self._account_with_key(fact)) is not None:
                return account_id
        return None

    def _account_with_key(self, key: str) -> str | None:
        return key if self._accounts is None else self._accounts.get(_normalized(key))


def read_accounts(path: Path) -> dict[str, str]:
    """Read a CSV file with the columns `key` and `account_id`.

    Blanks in keys and the case of their letters do not matter.

    Raises:
        UnusableFileError: The file has another form, or gives one key two accounts.
    """
    accounts: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            if next(rows, None) != _COLUMNS:
                raise _unusable(path, 1, "the header is not key,account_id")
            for row in rows:
                if not row:
                    continue
                if len(row) != len(_COLUMNS) or not all(cell.strip() for cell in row):
                    raise _unusable(path, rows.line_num, "needs a key and an account id")
                key, account_id = _normalized(row[0]), row[1].strip()
                if accounts.setdefault(key, account_id) != account_id:
                    raise _unusable(path, rows.line_num, "an earlier line has another account")
        except (csv.Error, UnicodeDecodeError) as error:
            raise _unusable(path, rows.line_num, f"is not CSV in UTF-8: {error}") from None
    return accounts


def _normalized(key: str) -> str:
    return "".join(key.split()).upper()


def _unusable(path: Path, line: int, what: str) -> UnusableFileError:
    return UnusableFileError(
        f"{path.name}, line {line}: {what}.",
        next_step="Write one key and its account id on each line, below the header key,account_id.",
    )
