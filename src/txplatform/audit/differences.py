"""The differences that a verification finds."""

from dataclasses import dataclass, field
from typing import Any

_MAX_KEPT = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs from the log.

    Attributes:
        field: The name of the value, such as `transactions.held`.
        expected: The value according to the replay.
        found: The stored value.
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
    """Counts all differences and keeps the first 100, at most one per account and field."""

    count: int = 0
    kept: list[Difference] = field(default_factory=list)
    _account: str | None = None
    _fields: set[str] = field(default_factory=set)

    def add(self, account_id: str, version: int, name: str, expected: Any, found: Any) -> None:
        """Count a difference, and keep it if it is the first for this account and field."""
        self.count += 1
        if account_id != self._account:
            self._account, self._fields = account_id, set()
        if name not in self._fields and len(self.kept) < _MAX_KEPT:
            self._fields.add(name)
            self.kept.append(Difference(account_id, version, name, expected, found))
