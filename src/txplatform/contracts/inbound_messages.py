"""The outcomes of inbound messages."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageStatus(StrEnum):
    """The outcome of a message."""

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
        id: The number of the message in the inbox, in the order of arrival.
        sent_at: Kafka's timestamp, UTC.
        received_at: The time of recording by the database's clock, UTC.
        business_key: The event key in the body; None if the body could not be read.
        status: The outcome as of now: a waiting message becomes applied.
        reason: A stable code; None if the message was not refused.
        detail: The reason in a sentence.
        event_id: The event that the message, or the first copy of a duplicate, caused.
        account_version: The account's version after that event.
        resolved_at: The time when an operator retried or discarded the message, UTC.
        resolution: The operator's reason for discarding it.
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
    """A page of messages, newest first.

    Attributes:
        next_before_id: The `before_id` of the next page; null at the end.
    """

    messages: list[InboundMessageResponse]
    next_before_id: int | None
