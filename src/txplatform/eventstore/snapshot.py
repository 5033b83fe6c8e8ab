"""Snapshots: an account's state at one version, so that a replay need not begin at version 1.

The topic of a snapshot contains a hash of the fields that `Account` declares, which are its shape.
A snapshot of another shape is ignored: the account is replayed from its events, and a new snapshot
is taken.
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
    """Return a hash of the fields that these classes declare."""
    declared = [(kind.__name__, *kind.__annotations__.items()) for kind in kinds]
    written = repr((declared, STATE_OF_ACTIVITY))
    return hashlib.blake2b(written.encode(), digest_size=6).hexdigest()


SNAPSHOT_TOPIC = f"account@{shape_of((Account, *_WAITING_KINDS.values(), Merchant))}"


def to_plain(value: object) -> object:
    """Return plain values for a part of an account's state that msgspec cannot encode."""
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
    """Restore a part of an account's state that `to_plain` has converted."""
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
        """Return whether a snapshot with this topic has the current shape."""
        return topic == SNAPSHOT_TOPIC

    @classmethod
    def take(cls, aggregate: Account) -> Self:  # type: ignore[override]  # we have one aggregate
        """Return a snapshot of the account as it is now."""
        return cls(aggregate.id, aggregate.version, SNAPSHOT_TOPIC, encode_account(aggregate))

    def mutate(self, _: None) -> Account:  # type: ignore[override]  # as above
        """Return the account with the state of the snapshot.

        Raises:
            ValueError: The state belongs to another account or version.
        """
        account = decode_account(self.state)
        if (account.id, account.version) != (self.originator_id, self.originator_version):
            raise ValueError(
                f"The snapshot of {self.originator_id} at version {self.originator_version}"
                f" has the state of {account.id} at version {account.version}."
            )
        return account


def encode_account(account: Account) -> bytes:
    """Return the account's state as JSON, without default values."""
    return _encode(account)


def decode_account(state: bytes) -> Account:
    """Return the encoded account.

    Raises:
        ValueError: The bytes are not a state of the current shape.
    """
    return _decode(state)


def account_state(account: Account) -> dict[str, Any]:
    """Return the state as plain values; equal states mean equal accounts (invariant I1)."""
    state: dict[str, Any] = msgspec.to_builtins(account, enc_hook=to_plain)
    return state


def snapshot_due(account: Account, version: int, every: int) -> bool:
    """Return whether a snapshot of the account is due at this version.

    Snapshots are `every` versions apart, or more if the account has more holds than `every`. So the
    bytes written for snapshots stay in proportion to the number of events.
    """
    interval = every
    while interval < len(account.holds):
        interval *= 2
    return version % interval == 0
