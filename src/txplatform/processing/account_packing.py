"""An account in as few bytes as its state takes, for the memory of this process alone.

The values of the fields that `Account` declares, in their order and without their names.
"""

from __future__ import annotations

import msgspec

from txplatform.domain.account import Account
from txplatform.eventstore.snapshot import from_plain, to_plain

_TYPES = tuple(field.type for field in msgspec.structs.fields(Account))
_encode = msgspec.msgpack.Encoder(enc_hook=to_plain).encode
_decode = msgspec.msgpack.Decoder(tuple[_TYPES], dec_hook=from_plain).decode  # type: ignore[valid-type]  # made from the fields


def pack_account(account: Account) -> bytes:
    """Return the account's whole state."""
    # Copied, since what the encoder gives was cut from a larger buffer, and fragments memory.
    return bytes(memoryview(_encode(msgspec.structs.astuple(account))))


def unpack_account(packed: bytes) -> Account:
    """Return the account that was packed."""
    return Account(*_decode(packed))
