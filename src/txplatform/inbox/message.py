"""A message from Kafka, and its outcome."""

from datetime import datetime
from typing import Any, NamedTuple

from txplatform.contracts.cloudevents import EnvelopeError, open_envelope
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.domain.cause import KeyCause, OperatorCause, PartCause

Headers = tuple[tuple[str, "bytes | None"], ...]

Resolver = KeyCause | OperatorCause | PartCause
"""Who retries or discards a message. Its text is stored with the message."""

UNREADABLE_HEADERS: Headers = (("\N{REPLACEMENT CHARACTER}", None),)
"""Replaces the headers of a message if the client cannot decode them."""


ACCOUNT_UNREADABLE = "account_unreadable"
INTERNAL_ERROR = "internal_error"
"""The reasons for deferring a message.

A deferred message has the status `waiting`, a reason and no event. It is tried again until its
account can be decided on. If it cannot be tried again, it is parked for the same reason.
"""


REFUSED_BY_DATABASE = "refused_by_database"
"""The reason for parking a message of which PostgreSQL refuses a value."""


class ReceivedMessage(NamedTuple):
    """A message as Kafka delivered it.

    Attributes:
        topic_id: The broker's id of the topic; empty if the broker has none.
        sent_at: The message's timestamp, UTC; None if the message has none.
        body: None for a tombstone.
    """

    cluster_id: str
    topic: str
    topic_id: str
    partition: int
    offset: int
    sent_at: datetime | None
    key: bytes | None
    headers: Headers
    body: bytes | None


class MessageOutcome(NamedTuple):
    """The result of processing a message.

    Attributes:
        account_id: The account of the message's key, or of its body if the key is no account id;
            None if neither can be read.
        business_key: The business key of the message's command; None if its id cannot be read.
        reason: A stable code that says why the message was parked, discarded or deferred; else
            None.
        detail: The reason in a sentence or, for a duplicate, the fields that differ; else None.
        event_id: The event that the message caused; for a duplicate, the event of the first copy.
        account_version: The account's version after that event.
        flags: The flags of that event.
    """

    status: MessageStatus
    account_id: str | None = None
    business_key: str | None = None
    reason: str | None = None
    detail: str | None = None
    event_id: str | None = None
    account_version: int | None = None
    flags: tuple[str, ...] = ()


def readable_body(message: ReceivedMessage) -> dict[str, Any]:
    """Return the members of a message's body as sent; empty if it is not a JSON object."""
    try:
        data = open_envelope(message.headers, message.body).data
    except EnvelopeError:
        return {}
    return data if isinstance(data, dict) else {}
