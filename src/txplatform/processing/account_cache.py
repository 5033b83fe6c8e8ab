"""Caches accounts between batches, so that they need not be read again.

A cached account may be stale. Appending to it then conflicts, and the account is read again. If no
other process writes to the accounts, reading them before each decision would waste a round trip. If
other processes do, many commands conflict and are decided twice. The conflict rate shows whether
reading first is cheaper.

The most recently used accounts are kept as objects. All others are packed (the list of field values
as msgpack), which takes a fraction of the memory, so a process can cache a million accounts.
Unpacking an account takes a fifth of the time of reading it from the database.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable

import msgspec

from txplatform.domain.account import Account
from txplatform.eventstore.snapshot import from_plain, to_plain

_UNPACKED = 10_000
"""The number of accounts kept as objects, which take a few megabytes."""
_GENERATIONS = 8
"""The number of full generations that hold all packed accounts."""
_HIGH_RATE = 0.05
"""A conflict costs about as much as twenty unnecessary reads of accounts."""
_AVERAGED_ACCOUNTS = 500

_TYPES = tuple(field.type for field in msgspec.structs.fields(Account))
_encode = msgspec.msgpack.Encoder(enc_hook=to_plain).encode
_decode = msgspec.msgpack.Decoder(tuple[_TYPES], dec_hook=from_plain).decode  # type: ignore[valid-type]  # a type made at run time


class ConflictRate:
    """The share of stale accounts among the last few hundred taken from the cache."""

    def __init__(self) -> None:
        self._share = 0.0

    def note(self, cached: int, behind: int) -> None:
        """Count `cached` accounts taken from the cache, of which `behind` were stale."""
        if cached:
            weight = min(1.0, cached / _AVERAGED_ACCOUNTS)
            self._share += weight * (behind / cached - self._share)

    @property
    def high(self) -> bool:
        """True if reading accounts before each decision costs less than deciding again."""
        return self._share > _HIGH_RATE


class AccountCache:
    """The most recently used accounts, up to `capacity` of them."""

    def __init__(self, capacity: int, unpacked: int = _UNPACKED) -> None:
        self.conflict_rate = ConflictRate()
        self._unpacked = min(unpacked, capacity)
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._packed_capacity = capacity - self._unpacked
        # A plain dictionary takes half the memory of an ordered one. So packed accounts are
        # ordered by generation only, youngest first. The keys are hashes of the stream ids, which
        # the packed accounts contain. If two hashes collide, one of the two accounts is dropped.
        self._packed: deque[dict[int, bytes]] = deque([{}])
        self._generation_size = self._packed_capacity // _GENERATIONS + 1

    def __len__(self) -> int:
        return len(self._accounts) + sum(map(len, self._packed))

    def take(self, stream: str) -> Account | None:
        """Remove an account from the cache and return it; None if it is not cached."""
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
        """Cache accounts whose events are committed; if full, drop the least recently used."""
        for account in accounts:
            self._accounts[account.id] = account
        while len(self._accounts) > self._unpacked:
            _, account = self._accounts.popitem(last=False)
            if self._packed_capacity:
                self._pack(account)

    def clear(self) -> None:
        """Drop all accounts: after a failover, they may include events that the log has lost."""
        self._accounts.clear()
        self._packed = deque([{}])

    def _pack(self, account: Account) -> None:
        youngest = self._packed[0]
        if len(youngest) == self._generation_size:
            youngest = {}
            self._packed.appendleft(youngest)
            if len(self._packed) > 2 * _GENERATIONS:  # most are nearly empty
                oldest = self._packed.pop()
                oldest.update(self._packed.pop())
                self._packed.append(oldest)
        youngest[hash(account.id)] = pack_account(account)
        if sum(map(len, self._packed)) > self._packed_capacity:
            while not self._packed[-1]:
                self._packed.pop()
            self._packed[-1].popitem()


def pack_account(account: Account) -> bytes:
    """Return the account's state as msgpack."""
    # The encoder returns a truncated buffer, which would fragment memory, so copy the bytes.
    return bytes(memoryview(_encode(msgspec.structs.astuple(account))))


def unpack_account(packed: bytes) -> Account:
    """Restore a packed account."""
    return Account(*_decode(packed))
