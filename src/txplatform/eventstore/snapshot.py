"""Snapshots of an account's state, so that loading an account need not replay all its events.

A snapshot's topic contains a hash of the fields that `Account` declares. If the fields change, old
snapshots are ignored: accounts are replayed from their events until they have new snapshots.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self, get_args

import msgspec
from eventsourcing.domain import CanSnapshotAggregate

from txplatform.domain.account import Account, WaitingMessages
from txplatform.domain.activity import STATE_OF_ACTIVITY, Activity
from txplatform.domain.advices import WaitingMessage
from txplatform.domain.requests import Merchant
from txplatform.domain.rulesets import Controls, controls_of

_WAITING_KINDS: dict[str, type[WaitingMessage]] = {
    kind.__name__: kind for kind in get_args(WaitingMessage)
}


def shape_of(kinds: Iterable[type]) -> str:
    """Return a hash that changes when the fields of these classes or of `Activity` change."""
    declared = [(kind.__name__, *kind.__annotations__.items()) for kind in kinds]
    written = repr((declared, STATE_OF_ACTIVITY))
    return hashlib.blake2b(written.encode(), digest_size=6).hexdigest()


SNAPSHOT_TOPIC = f"account@{shape_of((Account, *_WAITING_KINDS.values(), Merchant))}"


def to_plain(value: object) -> object:
    """Convert a part of an account's state to plain values, as msgspec's `enc_hook`."""
    match value:
        case Activity():
            return value.state()
        case Controls():
            return value.stored
        case WaitingMessages():
            return [(type(message).__name__, message) for message in value.values()]
        case _:
            raise TypeError(f"{type(value)} is not part of an account's state")


def from_plain(kind: type, plain: Any) -> object:
    """Restore a part of an account's state from plain values, as msgspec's `dec_hook`."""
    if kind is Activity:
        return Activity.from_state(plain)
    if kind is Controls:
        return controls_of(plain)
    messages = [msgspec.convert(message, _WAITING_KINDS[name]) for name, message in plain]
    return WaitingMessages({message.key: message for message in messages})


_encode = msgspec.json.Encoder(enc_hook=to_plain).encode
_decode = msgspec.json.Decoder(Account, dec_hook=from_plain).decode


@dataclass(frozen=True)
class AccountSnapshot(CanSnapshotAggregate[str]):
    """An account's state at one version."""

    originator_id: str
    originator_version: int
    topic: str
    state: bytes

    @staticmethod
    def is_current(topic: str) -> bool:
        """Return whether snapshots with this topic have the current fields of `Account`."""
        return topic == SNAPSHOT_TOPIC

    @classmethod
    def take(cls, aggregate: Account) -> Self:  # type: ignore[override]  # we have one aggregate
        """Return a snapshot of the account as it is now."""
        return cls(aggregate.id, aggregate.version, SNAPSHOT_TOPIC, encode_account(aggregate))

    def mutate(self, _: None) -> Account:  # type: ignore[override]  # as above
        """Return the account as it was at the snapshot's version.

        Raises:
            ValueError: The state has a different account id or version than the snapshot.
        """
        account = decode_account(self.state)
        if (account.id, account.version) != (self.originator_id, self.originator_version):
            raise ValueError(
                f"The snapshot of {self.originator_id} at version {self.originator_version}"
                f" has the state of {account.id} at version {account.version}."
            )
        return account


def encode_account(account: Account) -> bytes:
    """Return the account's state as JSON; omit fields with default values."""
    return _encode(account)


def decode_account(state: bytes) -> Account:
    """Decode an account from the JSON of `encode_account`.

    Raises:
        ValueError: The bytes are not the JSON of an account with the current fields.
    """
    return _decode(state)


def account_state(account: Account) -> dict[str, Any]:
    """Return the account's state as plain values, for comparing accounts (invariant I1)."""
    state: dict[str, Any] = msgspec.to_builtins(account, enc_hook=to_plain)
    return state


def snapshot_due(account: Account, version: int, every: int) -> bool:
    """Return whether a snapshot of the account is due at this version.

    The interval between snapshots is `every` versions. It is doubled until it reaches the number of
    holds, of purchases and of waiting messages, since snapshots grow with these numbers. This
    limits the bytes written per event.
    """
    if version % every:
        return False
    items = max(len(account.holds), len(account.activity), len(account.waiting))
    interval = every
    while interval < items:
        interval *= 2
    return version % interval == 0
