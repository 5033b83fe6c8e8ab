"""Parses a message into a command, or into a rejection if the message is invalid."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from txplatform.contracts.cloudevents import EnvelopeError, open_envelope, trace_of
from txplatform.contracts.field_problems import InvalidFieldsError, validate
from txplatform.contracts.fields import UrlId
from txplatform.contracts.json import NotJsonError
from txplatform.contracts.messages import INBOUND
from txplatform.contracts.trace_context import TraceContext, accept_trace
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId
from txplatform.inbox.message import INTERNAL_ERROR, UNREADABLE_HEADERS, ReceivedMessage
from txplatform.telemetry import logger

_ACCOUNT_ID = TypeAdapter[str](UrlId)
_BLANK = " "
_MAX_PROBLEMS = 5
_PRINTABLE = dict.fromkeys((*range(32), *range(127, 160)), " ")


@dataclass(frozen=True, slots=True)
class Rejection:
    """The reason why a message has no command: it is invalid, or a defect made parsing fail.

    Attributes:
        reason: A stable code, for machines.
        detail: A sentence without any values from the message.
        account_id: The account in the body; None if it cannot be read.
        key: The business key in the body; None if its id cannot be read.
    """

    reason: str
    detail: str
    account_id: AccountId | None = None
    key: str | None = None


class ParsedMessage(NamedTuple):
    """A message, with the command or the rejection that it was parsed into.

    Attributes:
        trace: The sender's trace context; a new one if the message has no valid one.
    """

    message: ReceivedMessage
    command: Command | Rejection
    trace: TraceContext


def read_message(message: ReceivedMessage) -> ParsedMessage:
    """Parse a message according to the contract of its topic.

    If parsing fails because of a defect, the message is rejected, so that it stops no other.
    """
    try:
        return _read(message)
    except Exception as error:  # noqa: BLE001
        logger("consumer").exception("message not read because of a defect", topic=message.topic)
        detail = f"{type(error).__name__}: a defect of the platform. Report it; retry it later."
        return ParsedMessage(message, Rejection(INTERNAL_ERROR, detail), accept_trace(None))


def _read(message: ReceivedMessage) -> ParsedMessage:
    command: Command | Rejection
    if message.headers == UNREADABLE_HEADERS:
        command = Rejection("unreadable_headers", "The name of a header is not UTF-8.")
        return ParsedMessage(message, command, accept_trace(None))
    try:
        envelope = open_envelope(message.headers, message.body)
        command = _command_of(message, envelope.data)
        if envelope.type is not None and envelope.type != message.topic:
            detail = f"The type is not {message.topic}."
            command = Rejection("wrong_type", detail, command.account_id, command.key)
        trace = envelope.trace
    except EnvelopeError as error:
        command = Rejection(error.reason, error.detail)
        trace = trace_of(message.headers)
    return ParsedMessage(message, command, accept_trace(*trace))


def _command_of(message: ReceivedMessage, data: object) -> Command | Rejection:
    kind = INBOUND[message.topic]
    try:
        kind.refuse_repeats(data)
        command = validate(kind, data).to_command()
    except NotJsonError as error:
        return Rejection("not_json", error.why)
    except InvalidFieldsError as error:
        fields = _valid_fields(data, error)
        key = kind.KEY(fields[kind.ID]) if kind.ID in fields else None
        return Rejection("schema_violation", _problems(error), fields.get("account_id"), key)
    # Most keys need not be parsed.
    if (
        message.key != command.account_id.encode()
        and account_of_key(message.key) != command.account_id
    ):
        detail = "The message key is not the account_id in the body."
        return Rejection("key_mismatch", detail, command.account_id, command.key)
    return command


def _valid_fields(data: object, error: InvalidFieldsError) -> dict[str, Any]:
    """Return the fields of an invalid body that are valid themselves, without outer blanks."""
    invalid = {field.location[:1] for field in error.fields}
    if not isinstance(data, dict) or () in invalid:
        return {}
    return {
        name: value.strip(_BLANK) if isinstance(value, str) else value
        for name, value in data.items()
        if (name,) not in invalid
    }


def account_of_key(key: bytes | None) -> AccountId | None:
    """Return the account of a message's key; None if the key is not the form of an account id."""
    try:
        return AccountId(_ACCOUNT_ID.validate_python((key or b"").decode("ascii")))
    except ValueError:
        return None


def _problems(error: InvalidFieldsError) -> str:
    """Describe the invalid fields without their values, which may contain card numbers."""
    found = [
        f"{'.'.join(map(str, field.location)) or 'body'}: {field.problem}" for field in error.fields
    ]
    more = f" and {len(found) - _MAX_PROBLEMS} more" if len(found) > _MAX_PROBLEMS else ""
    return ("; ".join(found[:_MAX_PROBLEMS]) + more + ".").translate(_PRINTABLE)
