"""The accounts a lane remembers between batches: a help, never the truth.

What is remembered may be behind the log; an append on it then clashes, and the account is
read again.

The accounts used last are kept as they are. Those before them are packed into a fraction of the
memory, so that a process can remember a million: to unpack one costs a fifth of reading it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from txplatform.eventstore.snapshot import pack_account, unpack_account

if TYPE_CHECKING:
    from collections.abc import Iterable

    from txplatform.domain.account import Account

UNPACKED = 10_000
"""Accounts kept as they are: a few megabytes."""


class AccountCache:
    """The accounts used last: at most `capacity` of them, and at least half as many."""

    def __init__(self, capacity: int, unpacked: int = UNPACKED) -> None:
        self._unpacked = min(unpacked, capacity)
        self._generation = (capacity - self._unpacked) // 2
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        # Two generations instead of a strict order: an entry of a plain dictionary takes half
        # the memory of one that knows its neighbours.
        self._younger: dict[str, bytes] = {}
        self._older: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._accounts) + len(self._younger) + len(self._older)

    def take(self, stream: str) -> Account | None:
        """Hand an account over to who will change it; it is no longer remembered."""
        account = self._accounts.pop(stream, None)
        if account is not None:
            return account
        packed = self._younger.pop(stream, None) or self._older.pop(stream, None)
        return None if packed is None else unpack_account(stream, packed)

    def keep(self, accounts: Iterable[Account]) -> None:
        """Remember accounts as they were committed; the least recently used ones make room."""
        for account in accounts:
            self._accounts[account.id] = account
        while len(self._accounts) > self._unpacked:
            stream, account = self._accounts.popitem(last=False)
            if self._generation:
                self._pack(stream, account)

    def clear(self) -> None:
        """Forget all: what the log holds is not known any more."""
        self._accounts.clear()
        self._younger.clear()
        self._older.clear()

    def _pack(self, stream: str, account: Account) -> None:
        if len(self._younger) == self._generation:
            self._older, self._younger = self._younger, {}
        self._younger[stream] = pack_account(account)
