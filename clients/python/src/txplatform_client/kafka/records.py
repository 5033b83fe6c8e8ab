"""Messages as Kafka records: CloudEvents 1.0 in binary mode, with the account id as their key."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar
from uuid import uuid4

import msgspec

from txplatform_client.errors import MessageError
from txplatform_client.fields import FORMS
from txplatform_client.kafka.inbound import INBOUND
from txplatform_client.kafka.outbound import OUTBOUND
from txplatform_client.money import MoneyError, decimals_of


class Message(Protocol):
    """The body of a message. Its class has the name and the fields of one topic."""

    TOPIC: ClassVar[str]

    @property
    def account_id(self) -> str:
        """The account, which is also the record's key."""


M = TypeVar("M", bound=Message)

HeaderValue = str | bytes | None
Headers = Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]] | None
"""The headers of a record, as any Kafka library gives them."""

TOPICS: dict[str, type[Message]] = {each.TOPIC: each for each in (*INBOUND, *OUTBOUND)}
"""The class of messages of each topic."""

_DECODERS = {topic: msgspec.json.Decoder(kind) for topic, kind in TOPICS.items()}


class Record(NamedTuple):
    """A record to send: `producer.produce(**record._asdict())` with confluent-kafka.

    Attributes:
        key: The account id. It keeps the messages of an account in order.
        headers: The values are bytes; typed so that every Kafka library takes them.
    """

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, Any]]


class Envelope(NamedTuple, Generic[M]):
    """A message that was read, and what came with it.

    Attributes:
        event_id: The sender's id of the event, for `SeenEvents`; a hash of the body if the sender
            gave none.
        traceparent: The sender's W3C trace context; None if it gave none.
        log_position: Grows with each message of an account, across the platform's own topics. None
            for the messages of other teams.
    """

    topic: str
    message: M
    event_id: str
    traceparent: str | None
    log_position: int | None


def build(
    message: Message,
    *,
    source: str,
    event_id: str | None = None,
    traceparent: str | None = None,
    time: datetime | None = None,
) -> Record:
    """Return the record for a message.

    Args:
        message: Such as a `PaymentSubmitted`.
        source: Names the sending service, such as `/payments`.
        event_id: A repeat must have the same id. None for a new id: then store the record, and send
            the stored one.
        traceparent: The W3C trace context of the cause.
        time: When it happened; None for now.

    Raises:
        MessageError: A field has a value that the platform would park.
    """
    topic = message.TOPIC
    try:
        value = msgspec.json.encode(message)
        _DECODERS[topic].decode(value)
        if (currency := getattr(message, "currency", None)) is not None:
            decimals_of(currency)
    except (msgspec.ValidationError, MoneyError, UnicodeEncodeError) as error:
        raise MessageError(f"The message for {topic} cannot be sent: {_words(error)}") from error
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event_id or str(uuid4()),
        "ce_source": source,
        "ce_type": topic,
        "ce_subject": message.account_id,
        "ce_time": (time or datetime.now(UTC)).isoformat(),
        "content-type": "application/json",
    }
    if traceparent is not None:
        headers["traceparent"] = traceparent
    encoded = [(name, text.encode()) for name, text in headers.items()]
    return Record(topic, message.account_id.encode(), value, encoded)


def read(topic: str | None, value: bytes | None, headers: Headers) -> Envelope[Message]:
    """Return a received message.

    Use `match envelope.message: case TransactionDecisioned(): …` to tell the topics apart.

    Raises:
        MessageError: The topic is unknown, or a field is missing or has a wrong type. A later
            attempt would fail too: set the message aside, and go on.
    """
    if topic is None or topic not in _DECODERS:
        raise MessageError(f"{topic} is not a topic of the platform: {', '.join(TOPICS)}.")
    try:
        message = _DECODERS[topic].decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MessageError(f"A message of {topic} cannot be read: {error}") from error
    given = _texts(headers)
    position = given.get("log_position", "")
    return Envelope(
        topic,
        message,
        event_id=given.get("ce_id") or given.get("event_id") or _hash(value or b""),
        traceparent=given.get("traceparent", given.get("ce_traceparent")),
        log_position=int(position) if position.isdecimal() else None,
    )


def _texts(headers: Headers) -> dict[str, str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return {
        name.lower(): value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in pairs
        if value is not None
    }


def _words(error: Exception) -> str:
    """Return the text of an error with words for patterns."""
    text = str(error)
    for pattern, words in FORMS.items():
        text = text.replace(f"matching regex {pattern!r}", f"of {words}")
    return text


def _hash(value: bytes) -> str:
    return f"sha256:{sha256(value).hexdigest()}"
