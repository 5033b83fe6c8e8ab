"""The inbox: each message that the platform consumed, and its outcome."""

from typing import Annotated, Literal

from msgspec import Meta

from txplatform_client.call import Call, ListCall, call, listing
from txplatform_client.fields import Body, Page, Time

MessageStatus = Literal[
    "applied", "waiting", "duplicate", "stale", "ignored", "parked", "discarded"
]


class InboundMessage(Body):
    """A message and its outcome.

    Attributes:
        id: The message's number, in order of arrival.
        sent_at: The timestamp of the Kafka record.
        business_key: The business key in the body; None if its id could not be read.
        status: The current outcome. A waiting message later becomes applied, stale or parked.
        reason: A stable code; None if the message was not rejected.
        detail: The reason in a sentence.
        event_id: The event that the message or, for a duplicate, its first copy caused.
        flags: The flags of the event.
        withheld: True if the message held a card number, and so cannot be retried.
        resolved_at: When an operator retried or discarded the message.
        resolved_by: The API key or the person who retried or discarded the message.
        resolution: The operator's reason for discarding it.
    """

    id: int
    cluster_id: str
    topic: str
    partition: int
    offset: int
    sent_at: Time | None
    received_at: Time
    traceparent: str
    account_id: str | None
    business_key: str | None
    status: MessageStatus
    reason: str | None
    detail: str | None
    event_id: str | None
    account_version: int | None
    flags: list[str]
    withheld: bool
    resolved_at: Time | None
    resolved_by: str | None
    resolution: str | None


class InboundMessagesPage(Page[InboundMessage]):
    """A page of messages. Its cursor is never None, since more messages may follow."""


class Discard(Body):
    """A request to discard a parked message.

    Attributes:
        reason: Text for people, recorded permanently.
    """

    reason: str


class Retries(Body, kw_only=True):
    """A request to retry the messages of a topic that were parked for one reason.

    Attributes:
        reason: The `reason` of the messages.
        after_id: The `next_after_id` of the previous response; 0 to begin.
    """

    topic: str
    reason: str
    after_id: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class RetriedMessages(Body):
    """The outcomes of retried messages.

    Attributes:
        settled: The number of messages that are no longer parked.
        parked: The number of messages that were retried and are still parked.
        next_after_id: The `after_id` with which to go on; None if all were retried.
    """

    settled: int
    parked: int
    next_after_id: int | None


class InboundMessageCalls:
    """The calls about the inbox. Scopes: `audit:read` to list, `inbound:write` to change.

    If the response to a retry or discard is lost, the client repeats the call, and may get the
    problem `message-not-parked`: then the first attempt has settled the message.
    """

    @listing
    def list_inbound_messages(  # noqa: PLR0913  # the filters of the API
        self,
        *,
        topic: str | None = None,
        account_id: str | None = None,
        status: MessageStatus | None = None,
        business_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ListCall[InboundMessagesPage, InboundMessage]:
        """List messages that match all filters, in order of arrival, up to now."""
        query = {
            "topic": topic,
            "account_id": account_id,
            "status": status,
            "business_id": business_id,
            "limit": limit,
            "cursor": cursor,
        }
        return ListCall("GET", ("inbound-messages",), InboundMessagesPage, query)

    @call
    def retry_inbound_message(self, message_id: int) -> Call[InboundMessage]:
        """Apply a parked message to the current state of its account."""
        return Call("POST", ("inbound-messages", str(message_id), "retries"), InboundMessage)

    @call
    def discard_inbound_message(self, message_id: int, discard: Discard) -> Call[InboundMessage]:
        """Discard a parked message permanently."""
        path = ("inbound-messages", str(message_id), "discards")
        return Call("POST", path, InboundMessage, body=discard)

    @call
    def retry_inbound_messages(self, retries: Retries) -> Call[RetriedMessages]:
        """Retry messages of a topic. Repeat the call until `next_after_id` is None."""
        return Call("POST", ("inbound-messages", "retries"), RetriedMessages, body=retries)
