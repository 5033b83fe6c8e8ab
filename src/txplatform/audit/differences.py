"""The differences that a verification found, by account, version and field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_MOST_KEPT = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not as the log says.

    Attributes:
        account_id: The account.
        version: The account's version at which it shows.
        field: The value that differs, such as `directory.posted`.
        expected: The value that the replay gives.
        found: The value that is stored.
    """

    account_id: str
    version: int
    field: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return (
            f"account {self.account_id}, version {self.version}, {self.field}:"
            f" expected {self.expected!r}, found {self.found!r}"
        )


@dataclass(slots=True)
class Differences:
    """The differences found: all counted, the first of each account and field kept, up to 100."""

    count: int = 0
    kept: list[Difference] = field(default_factory=list)
    _account: str | None = None
    _fields: set[str] = field(default_factory=set)

    def add(self, account_id: str, version: int, name: str, expected: Any, found: Any) -> None:
        """Note a difference; the next ones of the same account and field are only counted."""
        self.count += 1
        if account_id != self._account:
            self._account, self._fields = account_id, set()
        if name not in self._fields and len(self.kept) < _MOST_KEPT:
            self._fields.add(name)
            self.kept.append(Difference(account_id, version, name, expected, found))

    def compare(self, account_id: str, version: int, name: str, expected: Any, found: Any) -> None:
        """Note a difference if the two are not equal."""
        if expected != found:
            self.add(account_id, version, name, expected, found)
