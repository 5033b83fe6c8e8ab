"""CloudEvents 1.0 over Kafka: unwrap inbound messages, and make headers for outbound ones.

Binary mode (attributes in `ce_` headers), structured mode (attributes and data in one JSON object)
and bare bodies are accepted. Of the attributes, only the version and the type are checked. See the
CloudEvents Kafka protocol binding, version 1.0.2.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from txplatform.contracts.json import NotJsonError, parse_lenient_json
from txplatform.errors import TxPlatformError

STRUCTURED_CONTENT_TYPE = "application/cloudevents+json"
SOURCE = "/txplatform"
"""The `source` attribute of published messages."""

_VERSION = "1.0"
_SPECVERSION_HEADER = ("ce_specversion", _VERSION.encode())
_SOURCE_HEADER = ("ce_source", SOURCE.encode())
_JSON_HEADER = ("content-type", b"application/json")
_REQUIRED_ATTRIBUTES = {"specversion", "type", "source", "id"}

Headers: TypeAlias = "Sequence[tuple[str, bytes | None]]"


class EnvelopeError(TxPlatformError):
    """The envelope or body of a message is invalid; `reason` is a stable code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail, next_step="Correct the producer and send the message again.")
        self.reason = reason
        self.detail = detail


class SentTrace(NamedTuple):
    """The `traceparent` and the `tracestate` of a message, as they were sent."""

    traceparent: str | None
    tracestate: str | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """An unwrapped message.

    Attributes:
        type: The `type` attribute; None for a bare body.
        trace: The sender's `traceparent` and `tracestate`, not validated.
        data: The message's data, parsed from JSON.
    """

    type: str | None
    trace: SentTrace
    data: object


def trace_of(headers: Headers) -> SentTrace:
    """Return the sender's trace context from the headers, even if the body is invalid."""
    return _trace_in(_texts(headers))


def open_envelope(headers: Headers, body: bytes | None) -> Envelope:
    """Unwrap a message.

    Raises:
        EnvelopeError: The body is missing or is not JSON, or the CloudEvents envelope is invalid.
    """
    if not body:
        raise EnvelopeError("empty_body", "The message has no body.")
    texts = _texts(headers)
    try:
        value = parse_lenient_json(body)
    except NotJsonError as error:
        raise EnvelopeError("not_json", error.why) from error
    if not texts and not _looks_structured(value):
        return Envelope(None, SentTrace(None, None), value)
    media_type = texts.get("content-type", "application/json").partition(";")[0].strip().lower()
    binary = {name[3:]: text for name, text in texts.items() if name.startswith("ce_")}
    if binary:
        _check_version(binary)
        return Envelope(binary.get("type"), _trace_in(texts), value)
    if media_type.startswith("application/cloudevents") and media_type != STRUCTURED_CONTENT_TYPE:
        raise EnvelopeError(
            "unsupported_envelope",
            f"The only supported CloudEvents media type is {STRUCTURED_CONTENT_TYPE}.",
        )
    if media_type == STRUCTURED_CONTENT_TYPE or _looks_structured(value):
        return _structured(value, _trace_in(texts))
    return Envelope(None, _trace_in(texts), value)


def binary_headers(
    *,
    event_id: str,
    event_type: str,
    subject: str,
    time: str,
    trace: tuple[str, str],
) -> list[tuple[str, bytes | None]]:
    """Return the headers of a published message, in binary mode; see `trace_headers`."""
    return [
        _SPECVERSION_HEADER,
        ("ce_id", event_id.encode()),
        _SOURCE_HEADER,
        ("ce_type", event_type.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", time.encode()),
        _JSON_HEADER,
        *trace_headers(*trace),
    ]


def trace_headers(traceparent: str, tracestate: str) -> list[tuple[str, bytes | None]]:
    """Return the headers with the trace of what caused a message."""
    headers: list[tuple[str, bytes | None]] = [("traceparent", traceparent.encode())]
    if tracestate:
        headers.append(("tracestate", tracestate.encode()))
    return headers


def _trace_in(texts: Mapping[str, str]) -> SentTrace:
    return SentTrace(
        texts.get("traceparent", texts.get("ce_traceparent")),
        texts.get("tracestate", texts.get("ce_tracestate")),
    )


def _texts(headers: Headers) -> dict[str, str]:
    return {
        name.lower(): value.decode("utf-8", "replace")
        for name, value in headers
        if value is not None
    }


def _check_version(attributes: Mapping[str, Any]) -> None:
    version = attributes.get("specversion", _VERSION)
    if version != _VERSION:
        raise EnvelopeError(
            "unsupported_envelope", f"Only CloudEvents version {_VERSION} is supported."
        )


def _looks_structured(value: object) -> bool:
    return isinstance(value, dict) and value.keys() >= _REQUIRED_ATTRIBUTES


def _structured(value: object, header_trace: SentTrace) -> Envelope:
    if not isinstance(value, dict):
        raise EnvelopeError("schema_violation", "A structured CloudEvent is a JSON object.")
    _check_version(value)
    event_type = value.get("type")
    if not isinstance(event_type, str):
        raise EnvelopeError("schema_violation", "The CloudEvent has no type.")
    traceparent, tracestate = value.get("traceparent"), value.get("tracestate")
    trace = (
        SentTrace(traceparent, tracestate if isinstance(tracestate, str) else None)
        if isinstance(traceparent, str)
        else header_trace
    )
    return Envelope(event_type, trace, _structured_data(value))


def _structured_data(value: Mapping[str, Any]) -> object:
    if "data_base64" not in value:
        return value.get("data")
    if "data" in value:
        raise EnvelopeError("schema_violation", "The CloudEvent has both data and data_base64.")
    try:
        return parse_lenient_json(base64.b64decode(value["data_base64"], validate=True))
    except NotJsonError as error:
        raise EnvelopeError("not_json", error.why) from error
    except (binascii.Error, TypeError, ValueError):
        raise EnvelopeError("schema_violation", "The value of data_base64 is not base64.") from None
