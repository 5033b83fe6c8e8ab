"""Packs accounts into few bytes, for the memory of this process only.

A packed account has the values of the fields that `Account` declares, in order, without names.
"""

from __future__ import annotations

import msgspec

from txplatform.domain.account import Account
from txplatform.eventstore.snapshot import from_plain, to_plain

_TYPES = tuple(field.type for field in msgspec.structs.fields(Account))
_encode = msgspec.msgpack.Encoder(enc_hook=to_plain).encode
_decode = msgspec.msgpack.Decoder(tuple[_TYPES], dec_hook=from_plain).decode  # type: ignore[valid-type]  # a type made at run time


def pack_account(account: Account) -> bytes:
    """Return the account's state as msgpack."""
    # The encoder cuts its result from a larger buffer, which would fragment memory: copy it.
    return bytes(memoryview(_encode(msgspec.structs.astuple(account))))


def unpack_account(packed: bytes) -> Account:
    """Return the account that was packed."""
    return Account(*_decode(packed))
