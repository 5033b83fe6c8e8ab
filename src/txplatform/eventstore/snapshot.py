"""Snapshots: an account's state at one version, so that a replay need not begin at version 1.

The state has the fields that `Account` declares. A snapshot's topic contains a hash of these
declarations. So snapshots of another shape are ignored; their accounts are folded from events and
snapshotted again.
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
    """Return a part of an account's state that msgspec cannot encode, as plain values."""
    match value:
        case Activity():
            return value.state()
        case Controls():
            return value.stored
        case WaitingMessages():
            return [(type(message).__name__, message) for message in value.values()]
        case _:
            raise TypeError(f"{type(value)} is no part of an account's state")


def from_plain(kind: type, plain: Any) -> object:
    """Return the part of an account's state that `to_plain` was given."""
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
        """Return whether a snapshot with this topic has this version's shape."""
        return topic == SNAPSHOT_TOPIC

    @classmethod
    def take(cls, aggregate: Account) -> Self:  # type: ignore[override]  # we have one aggregate
        """Return a snapshot of the account as it is now."""
        return cls(aggregate.id, aggregate.version, SNAPSHOT_TOPIC, encode_account(aggregate))

    def mutate(self, _: None) -> Account:  # type: ignore[override]  # as above
        """Return the snapshotted account.

        Raises:
            ValueError: The state is of another account or version.
        """
        account = decode_account(self.state)
        if (account.id, account.version) != (self.originator_id, self.originator_version):
            raise ValueError(
                f"The snapshot of {self.originator_id} at version {self.originator_version}"
                f" is of {account.id} at version {account.version}."
            )
        return account


def encode_account(account: Account) -> bytes:
    """Return the account's state as JSON, without fields that have their default."""
    return _encode(account)


def decode_account(state: bytes) -> Account:
    """Return the account that was encoded.

    Raises:
        ValueError: The bytes are not a state of this version's shape.
    """
    return _decode(state)


def account_state(account: Account) -> dict[str, Any]:
    """Return the account's state as plain values; equal states mean equal accounts (I1)."""
    state: dict[str, Any] = msgspec.to_builtins(account, enc_hook=to_plain)
    return state


def snapshot_due(account: Account, version: int, every: int) -> bool:
    """Return whether an account is snapshotted at this version.

    Snapshots are `every` versions apart. If the account has more holds than that, the interval
    grows with them, so that the written bytes stay in proportion to the events.
    """
    interval = every
    while interval < len(account.holds):
        interval *= 2
    return version % interval == 0
