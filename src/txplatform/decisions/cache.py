"""The accounts a lane remembers between batches: a help, never the truth.

What is remembered may be behind the log; an append on it then clashes, and the account is
read again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from txplatform.domain.account import Account


class AccountCache:
    """The most recently used accounts, at most `capacity` of them."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def take(self, stream: str) -> Account | None:
        """Hand an account over to who will change it; it is no longer remembered."""
        return self._accounts.pop(stream, None)

    def keep(self, accounts: Iterable[Account]) -> None:
        """Remember accounts as they were committed; the least recently used ones make room."""
        for account in accounts:
            self._accounts[account.id] = account
        while len(self._accounts) > self._capacity:
            self._accounts.popitem(last=False)

    def clear(self) -> None:
        """Forget all: what the log holds is not known any more."""
        self._accounts.clear()
