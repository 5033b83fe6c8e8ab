"""Responses with the outcomes of inbound messages."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from annotated_types import MaxLen

from txplatform.contracts import response_fields as out
from txplatform.domain.flags import Flag


class MessageStatus(StrEnum):
    """The outcome of an inbound message; docs/contracts.md explains each value."""

    APPLIED = "applied"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    STALE = "stale"
    IGNORED = "ignored"
    PARKED = "parked"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class InboundMessageResponse:
    """The outcome of one inbound message.

    Attributes:
        id: The message's number in the inbox, in order of arrival.
        sent_at: The timestamp of the Kafka record, UTC.
        received_at: The time of insertion into the inbox, from the database's clock, UTC.
        business_key: The business key from the body; None if its id could not be read.
        status: The current outcome. A waiting message later becomes applied, stale or parked.
        reason: A stable code; None if the message was not rejected.
        detail: The reason in a sentence. For a duplicate, the describing fields that differ from
            the first copy; None if there are none.
        event_id: The event caused by the message or, for a duplicate, by its first copy.
        account_version: The account's version after the event.
        flags: The flags of the event.
        withheld: True if the message held a card number: the key, header or body with the number
            is not stored, and the message cannot be retried.
        resolved_at: The time when the message was retried with another outcome or discarded, UTC.
        resolved_by: Who did that: the name and id of an API key, a user of the command line, or the
            consumer, which retries deferred messages.
        resolution: The operator's reason for discarding the message.
    """

    id: out.Number
    cluster_id: out.ClusterId
    topic: out.TopicName
    partition: out.Number
    offset: out.Number
    sent_at: datetime | None
    received_at: datetime
    traceparent: out.Traceparent
    account_id: out.AccountId | None
    business_key: out.BusinessKey | None
    status: MessageStatus
    reason: out.ReasonCode | None
    detail: out.Detail | None
    event_id: out.EventId | None
    account_version: out.AccountVersion | None
    flags: Annotated[list[out.ReasonCode], MaxLen(len(Flag))]
    withheld: bool
    resolved_at: datetime | None
    resolved_by: out.Author | None
    resolution: out.Text | None


@dataclass(frozen=True, slots=True)
class InboundMessagesResponse:
    """A page of messages, in order of arrival.

    Attributes:
        next_cursor: The cursor for the next page; never null, since more messages may follow.
    """

    items: Annotated[list[InboundMessageResponse], MaxLen(out.MAX_PAGE)]
    next_cursor: out.Cursor
