"""Messages as Kafka records: CloudEvents 1.0 in binary mode, with the account id as their key."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar
from uuid import uuid4

import msgspec

from txplatform_client.errors import MessageError
from txplatform_client.fields import FORMS
from txplatform_client.kafka.advices import read_advice
from txplatform_client.kafka.cloudevents import Headers, open_event, texts
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

TOPICS: dict[str, type[Message]] = {each.TOPIC: each for each in (*INBOUND, *OUTBOUND)}
"""The class of messages of each topic."""

_DECODERS = {topic: msgspec.json.Decoder(kind) for topic, kind in TOPICS.items()}
_ADVICES = frozenset(each.TOPIC for each in INBOUND)
_POSITION = re.compile(r"[0-9]{1,19}", re.ASCII)


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
        event_id: The sender's id of the event, for `SeenEvents`; a hash of an id of more than 64
            characters, or of the body if the sender gave none.
        traceparent: The sender's W3C trace context; None if it gave none.
        log_position: Grows with each message of an account, across the platform's own topics. None
            for the messages of other teams.
        simulated: True if the platform is the demo, whose events have simulated times.
    """

    topic: str
    message: M
    event_id: str
    traceparent: str | None
    log_position: int | None
    simulated: bool = False


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
    """Return a received message, in binary or structured mode or without an envelope.

    A message of another team is read as the platform reads it: a time may be a date, and what only
    describes and cannot be read is None. Use `match envelope.message: case TransactionDecisioned():
    …` to tell the topics apart.

    Raises:
        MessageError: The topic is unknown, a field is missing or invalid, or the message cannot be
            read for another reason. A later attempt would fail too: set the message aside, and go
            on. No other error is raised, whatever was received.
    """
    if topic is None or topic not in _DECODERS:
        raise MessageError(f"{topic} is not a topic of the platform: {', '.join(TOPICS)}.")
    try:
        return _envelope(topic, value or b"", texts(headers))
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError) as error:
        raise MessageError(f"A message of {topic} cannot be read: {_words(error)}") from error


def _envelope(topic: str, value: bytes, given: Mapping[str, str]) -> Envelope[Message]:
    event = open_event(value, given)
    if event.type not in {None, topic}:
        raise ValueError("Its type is that of another topic.")
    if topic in _ADVICES:
        advice = read_advice(TOPICS[topic], event.data)
        return Envelope(topic, advice, event.event_id, event.traceparent, None)
    position = given.get("log_position")
    if position is not None and not _POSITION.fullmatch(position):
        raise ValueError("The header log_position is not a number.")
    message = _DECODERS[topic].decode(event.data)
    return Envelope(
        topic,
        message,
        event.event_id,
        event.traceparent,
        log_position=None if position is None else int(position),
        simulated=given.get("simulated") == "true",
    )


def _words(error: Exception) -> str:
    """Return the text of an error with words for patterns."""
    text = str(error)
    for pattern, words in FORMS.items():
        text = text.replace(f"matching regex {pattern!r}", f"of {words}")
    return text
