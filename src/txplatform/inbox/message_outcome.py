"""The outcome of an inbound message."""

from __future__ import annotations

from typing import NamedTuple

from txplatform.contracts.inbound_messages import MessageStatus


class MessageOutcome(NamedTuple):
    """The outcome of a message.

    Attributes:
        account_id: None if the body could not be read.
        business_key: The event key that the message claims; None likewise.
        reason: A stable code for parked and discarded messages; None for others.
        detail: The reason in a sentence.
        event_id: The event it caused, or for a duplicate the one the first copy caused.
        account_version: That event's.
    """

    status: MessageStatus
    account_id: str | None = None
    business_key: str | None = None
    reason: str | None = None
    detail: str | None = None
    event_id: str | None = None
    account_version: int | None = None
