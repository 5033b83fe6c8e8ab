"""Parses a message into a command, or into a rejection if the message is invalid."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from txplatform.consumers import InboundTopic
from txplatform.contracts.cloudevents import EnvelopeError, open_envelope, traceparent_of
from txplatform.contracts.field_problems import field_problem
from txplatform.contracts.messages import MessageBody
from txplatform.domain.commands import Command
from txplatform.inbox.message import UNREADABLE_HEADERS, ReceivedMessage
from txplatform.telemetry import accept_traceparent

_MAX_PROBLEMS = 5
_PRINTABLE = dict.fromkeys((*range(32), *range(127, 160)), " ")


@dataclass(frozen=True, slots=True)
class Rejection:
    """The reason why a message is invalid and can never be applied.

    Attributes:
        reason: A stable code, for machines.
        detail: A sentence without any values from the message.
    """

    reason: str
    detail: str


class ParsedMessage(NamedTuple):
    """A message and its command.

    Attributes:
        traceparent: The sender's trace context; a new one if the message has no valid one.
    """

    message: ReceivedMessage
    command: Command | Rejection
    traceparent: str


def read_message(message: ReceivedMessage, topic: InboundTopic[Any]) -> ParsedMessage:
    """Parse a message of this topic."""
    command: Command | Rejection
    if message.headers == UNREADABLE_HEADERS:
        command = Rejection("unreadable_headers", "The name of a header is not UTF-8.")
        return ParsedMessage(message, command, accept_traceparent(None))
    try:
        envelope = open_envelope(message.headers, message.body)
        if envelope.type is not None and envelope.type != topic.name:
            command = Rejection("wrong_type", f"The type is not {topic.name}.")
        else:
            command = _command_of(topic, envelope.data, message.key)
        traceparent = envelope.traceparent
    except EnvelopeError as error:
        command = Rejection(error.reason, error.detail)
        traceparent = traceparent_of(message.headers)
    return ParsedMessage(message, command, accept_traceparent(traceparent))


def _command_of(topic: InboundTopic[Any], data: object, key: bytes | None) -> Command | Rejection:
    try:
        body: MessageBody = topic.body.model_validate(data)
    except ValidationError as error:
        return Rejection("schema_violation", _problems(error))
    if key != body.account_id.encode():
        return Rejection("key_mismatch", "The message key is not the account_id in the body.")
    return topic.to_command(body)


def _problems(error: ValidationError) -> str:
    """Describe the invalid fields without their values, which may contain card numbers."""
    found = [
        f"{'.'.join(map(str, each['loc'])) or 'body'}: {field_problem(each)}"
        for each in error.errors(include_url=False, include_input=False)
    ]
    more = f" and {len(found) - _MAX_PROBLEMS} more" if len(found) > _MAX_PROBLEMS else ""
    return ("; ".join(found[:_MAX_PROBLEMS]) + more + ".").translate(_PRINTABLE)
