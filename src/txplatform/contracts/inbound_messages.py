"""The outcomes of inbound messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageStatus(StrEnum):
    """The outcome of a message, as the inbox and its readers name it."""

    APPLIED = "applied"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    STALE = "stale"
    PARKED = "parked"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class InboundMessageResponse:
    """The outcome of one message.

    Attributes:
        id: Its number in the inbox; grows with time.
        sent_at: Kafka's timestamp of it, UTC.
        received_at: The time at which it was recorded, by the database's clock, UTC.
        business_key: The event key that it claims; None if its body could not be read.
        status: Its outcome by the log as it is now.
        reason: The reason why it was refused, a stable code.
        detail: The same in a sentence.
        event_id: The event it caused, or for a duplicate the one that the first copy caused.
        account_version: That event's.
        resolved_at: The time at which a person retried or discarded it.
        resolution: The reason why a person discarded it.
    """

    id: int
    cluster_id: str
    topic: str
    partition: int
    offset: int
    sent_at: datetime | None
    received_at: datetime
    traceparent: str
    account_id: str | None
    business_key: str | None
    status: MessageStatus
    reason: str | None
    detail: str | None
    event_id: str | None
    account_version: int | None
    resolved_at: datetime | None
    resolution: str | None


@dataclass(frozen=True, slots=True)
class InboundMessagesResponse:
    """Messages, the newest first.

    Attributes:
        next_before_id: Ask for what is `before_id` it; null at the end.
    """

    messages: list[InboundMessageResponse]
    next_before_id: int | None
