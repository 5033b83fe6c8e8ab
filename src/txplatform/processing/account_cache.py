"""The accounts a lane keeps between batches: an optimisation, never the truth.

A cached account may be behind the log. An append on it then fails with a conflict, and the
account is read again.

The accounts used last are kept as they are. The others are packed into a fraction of the memory,
so that a process can cache a million: to unpack one costs a fifth of reading it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from txplatform.domain.account import Account
from txplatform.processing.account_packing import pack_account, unpack_account
from txplatform.processing.conflict_rate import ConflictRate

UNPACKED = 10_000
"""Accounts kept as they are: a few megabytes."""

_GENERATIONS = 8
"""The number that all packed accounts fill if each is used once."""


class AccountCache:
    """The accounts used last, at most `capacity` of them.

    Attributes:
        conflict_rate: How often they turned out to be behind the log.
    """

    def __init__(self, capacity: int, unpacked: int = UNPACKED) -> None:
        self.conflict_rate = ConflictRate()
        self._unpacked = min(unpacked, capacity)
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._room = capacity - self._unpacked
        # Generations, the youngest first, instead of a strict order: an entry of a plain
        # dictionary takes half the memory of one that knows its neighbours. And hashes instead of
        # names, which the packed accounts have in them: on a collision one of the two is dropped.
        self._packed: deque[dict[int, bytes]] = deque([{}])
        self._generation = self._room // _GENERATIONS + 1

    def __len__(self) -> int:
        return len(self._accounts) + self._packed_accounts

    @property
    def _packed_accounts(self) -> int:
        return sum(map(len, self._packed))

    def take(self, stream: str) -> Account | None:
        """Remove an account and return it, so that only the caller changes it."""
        account = self._accounts.pop(stream, None)
        if account is not None:
            return account
        key = hash(stream)
        for generation in self._packed:
            if (packed := generation.pop(key, None)) is not None:
                account = unpack_account(packed)
                return account if account.id == stream else None
        return None

    def keep(self, accounts: Iterable[Account]) -> None:
        """Cache accounts as they were committed; the least recently used ones make room."""
        for account in accounts:
            self._accounts[account.id] = account
        while len(self._accounts) > self._unpacked:
            _, account = self._accounts.popitem(last=False)
            if self._room:
                self._pack(account)

    def clear(self) -> None:
        """Drop all accounts: the state of the log is not known any more."""
        self._accounts.clear()
        self._packed.clear()
        self._packed.append({})

    def _pack(self, account: Account) -> None:
        youngest = self._packed[0]
        if len(youngest) == self._generation:
            youngest = {}
            self._packed.appendleft(youngest)
            if len(self._packed) > 2 * _GENERATIONS:  # most have grown thin: accounts move on
                oldest = self._packed.pop()
                oldest.update(self._packed.pop())
                self._packed.append(oldest)
        youngest[hash(account.id)] = pack_account(account)
        if self._packed_accounts > self._room:
            self._make_room()

    def _make_room(self) -> None:
        """Drop one of the accounts that were unused for longest."""
        while not self._packed[-1]:
            self._packed.pop()
        self._packed[-1].popitem()
