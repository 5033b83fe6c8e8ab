"""What became of inbound messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageStatus(StrEnum):
    """What became of a message, as the inbound ledger and its readers name it."""

    APPLIED = "applied"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    STALE = "stale"
    PARKED = "parked"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class InboundMessageResponse:
    """What became of one message.

    Attributes:
        id: Its number in the ledger; grows with time.
        sent_at: Kafka's timestamp of it, UTC.
        received_at: When its row was written, by the database's clock, UTC.
        business_key: The event key that it claims; None where its body could not be read.
        status: What became of it as the log stands now.
        reason: Why it was refused, a stable code.
        detail: The same in a sentence.
        event_id: The event it caused, or for a duplicate the one that the first copy caused.
        account_version: That event's.
        resolved_at: When a person retried or discarded it.
        resolution: Why a person discarded it.
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
