"""Checks one message against the schema of its topic, before a producer sends it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from txplatform.contracts.cloudevents import Envelope, EnvelopeError, open_envelope
from txplatform.contracts.encoding import to_json
from txplatform.contracts.field_problems import InvalidFieldsError, invalid_fields, validate
from txplatform.contracts.messages import INBOUND
from txplatform.publisher import TOPICS as OUTBOUND

TOPICS = (*INBOUND, *OUTBOUND)

_DRY_RUN = {"topic", "key", "body"}
"""The members of a line that `txplatform import --dry-run` prints."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a message that its producer should know.

    Attributes:
        field: The names and indexes that lead to the field, with dots; empty for the whole message.
        problem: What is wrong, and why.
        invalid: False if the platform takes the message, but without a part of its description.
    """

    field: str
    problem: str
    invalid: bool = True


@dataclass(frozen=True, slots=True)
class CheckedMessage:
    """A message, and what was found.

    Attributes:
        place: Such as `line 3`.
        topic: None if the message does not tell its topic, and none was given.
    """

    place: str
    topic: str | None
    findings: tuple[Finding, ...]

    @property
    def valid(self) -> bool:
        """True if the platform takes the message."""
        return not any(finding.invalid for finding in self.findings)


def check_message(place: str, body: bytes, topic: str | None) -> CheckedMessage:
    """Check a message: a CloudEvent in structured mode, a body, or a line of a dry run.

    Args:
        place: Where the message stands.
        body: The message as JSON.
        topic: The topic; None if the message names it.
    """
    try:
        envelope = open_envelope((), body)
    except EnvelopeError as error:
        return CheckedMessage(place, topic, (Finding("", error.detail),))
    data, named, key = envelope.data, *_named(envelope)
    if isinstance(data, dict) and key is not None:
        data = data["body"]
    checked = topic if named is None else named
    if checked is None:
        problem = "names no topic: give --topic, or a CloudEvent with a type"
        findings = [Finding("", problem)]
    elif topic not in (None, checked):
        findings = [Finding("type", f"is {checked}, not {topic}")]
    elif checked not in TOPICS:
        findings = [Finding("type", f"{checked} is not a topic of the platform")]
    else:
        findings = [*_findings(checked, data), *_key_findings(key, data)]
    return CheckedMessage(place, checked, tuple(findings))


def _named(envelope: Envelope) -> tuple[str | None, str | None]:
    """Return the topic and the key that a message names; None for each that it does not."""
    line = envelope.data
    if envelope.type is None and isinstance(line, dict) and line.keys() == _DRY_RUN:
        return str(line["topic"]), str(line["key"])
    return envelope.type, None


def _findings(topic: str, data: object) -> Iterator[Finding]:
    try:
        if topic in INBOUND:
            validate(INBOUND[topic], data)
        else:
            # As JSON, since only there a strict reader takes text for an enumeration.
            TypeAdapter[Any](OUTBOUND[topic].body).validate_json(to_json(data), strict=True)
    except InvalidFieldsError as error:
        invalid = error.fields
    except ValidationError as error:
        invalid = tuple(invalid_fields(error.errors(), data))
    else:
        invalid = ()
    for each in invalid:
        yield Finding(".".join(map(str, each.location)), each.problem)
    if topic in INBOUND and isinstance(data, Mapping):
        for name, whole in INBOUND[topic].losses(data).items():
            if whole:
                yield Finding(name, "cannot be read, and would be dropped")
            else:
                problem = "is incomplete, or a part of it would be cut or masked"
                yield Finding(name, problem, invalid=False)


def _key_findings(key: str | None, data: object) -> Iterator[Finding]:
    if key is not None and isinstance(data, Mapping) and key != data.get("account_id"):
        yield Finding("key", "is not the account_id of the body")


def messages_of(contents: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the place and the JSON of each message of a file.

    The file is one JSON object, an array of them, or has one on each line.
    """
    try:
        whole = orjson.loads(contents)
    except orjson.JSONDecodeError:
        whole = None
    if isinstance(whole, list):
        for number, message in enumerate(whole, start=1):
            yield f"message {number}", orjson.dumps(message)
    elif isinstance(whole, dict):
        yield "message 1", contents
    else:
        for number, line in enumerate(contents.splitlines(), start=1):
            if line.strip():
                yield f"line {number}", line
