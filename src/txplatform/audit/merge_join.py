"""Walks rows in the order of their keys, in step with something else in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Key = tuple[str, int]
"""Account and account version."""

R = TypeVar("R")
_LAST = 2**63


class Ordered(Generic[R]):
    """Rows in ascending order of key, read once, one held at a time."""

    def __init__(self, rows: Iterable[R], key: Callable[[R], Key]) -> None:
        self._rows = iter(rows)
        self._key_of = key
        self._row: R | None = None
        self._key: Key | None = None
        self._next()

    def before(self, key: Key) -> Iterator[R]:
        """Take the rows before this key."""
        while self._key is not None and self._key < key:
            yield self._take()

    def at(self, key: Key) -> Iterator[R]:
        """Take the rows with this very key."""
        while self._key == key:
            yield self._take()

    def of(self, account_id: str) -> Iterator[R]:
        """Take the rows of this account and of those before it."""
        return self.before((account_id, _LAST))

    def rest(self) -> Iterator[R]:
        """Take all rows that are left."""
        while self._key is not None:
            yield self._take()

    def _take(self) -> R:
        row = self._row
        assert row is not None
        self._next()
        return row

    def _next(self) -> None:
        self._row = next(self._rows, None)
        self._key = None if self._row is None else self._key_of(self._row)
