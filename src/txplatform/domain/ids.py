"""Typed identifiers. The format of incoming identifiers is validated in `contracts`."""

from typing import NewType

AccountId = NewType("AccountId", str)
TransactionId = NewType("TransactionId", str)
PaymentId = NewType("PaymentId", str)
StreamId = NewType("StreamId", str)
"""The event store's originator id, `account-<account id>`."""

_ACCOUNT_PREFIX = "account-"


def account_stream(account_id: AccountId) -> StreamId:
    """Return the id of the stream that stores an account's events."""
    return StreamId(_ACCOUNT_PREFIX + account_id)


def account_of(stream_id: str) -> AccountId:
    """Return the id of the account that a stream belongs to."""
    return AccountId(stream_id.removeprefix(_ACCOUNT_PREFIX))
