"""Names for the identifiers that other teams give us, and for the streams we keep.

The form of an identifier is checked at the boundary (`contracts`).
"""

from typing import NewType

AccountId = NewType("AccountId", str)
TransactionId = NewType("TransactionId", str)
PaymentId = NewType("PaymentId", str)
StreamId = NewType("StreamId", str)
"""The event store's originator id: `account-<account id>`, so that a stream reads well in SQL."""

_ACCOUNT_PREFIX = "account-"


def account_stream(account_id: AccountId) -> StreamId:
    """The stream that holds this account's events."""
    return StreamId(_ACCOUNT_PREFIX + account_id)


def account_of(stream_id: str) -> AccountId:
    """The account whose events this stream holds."""
    return AccountId(stream_id.removeprefix(_ACCOUNT_PREFIX))
