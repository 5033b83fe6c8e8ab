"""CloudEvents 1.0 in Kafka records: binary mode, structured mode, and bare bodies."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

HeaderValue = str | bytes | None
Headers = Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]] | None
"""The headers of a record, as any Kafka library gives them."""

_MEDIA_TYPES = "application/cloudevents"
_STRUCTURED = "application/cloudevents+json"
_REQUIRED = {"specversion", "type", "source", "id"}
_READ = {"specversion", "type", "id", "traceparent"}
_VERSION = "1.0"
_LONGEST_ID = 64

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_base64 = msgspec.json.Decoder(bytes).decode


class Event(NamedTuple):
    """A message without its envelope.

    Attributes:
        type: None for a bare body.
        event_id: At most 71 printable characters, whatever the sender gave.
        data: The message's body, as JSON.
    """

    type: str | None
    event_id: str
    traceparent: str | None
    data: bytes


def texts(headers: Headers) -> dict[str, str]:
    """Return headers with names in lower case. Bytes that are not UTF-8 become surrogates."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return {
        name.lower(): value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
        for name, value in pairs
        if value is not None
    }


def open_event(value: bytes, given: Mapping[str, str]) -> Event:
    """Take a message out of its envelope, as the platform does (docs/contracts.md, "Kafka").

    Args:
        value: The record's value.
        given: The record's headers, as `texts` returns them.

    Raises:
        ValueError: The envelope is invalid.
        msgspec.DecodeError: The envelope is not JSON, or is invalid.
    """
    traceparent = given.get("traceparent", given.get("ce_traceparent"))
    attributes: dict[str, Any]
    attributes = {name[3:]: text for name, text in given.items() if name.startswith("ce_")}
    data = value
    if not attributes and (members := _structured(value, given)) is not None:
        attributes = {name: msgspec.json.decode(members[name]) for name in _READ & members.keys()}
        if not isinstance(attributes.get("type"), str):
            raise ValueError("The CloudEvent has no type.")
        traceparent = _text(attributes.get("traceparent")) or traceparent
        data = _data(members)
    if attributes.get("specversion", _VERSION) != _VERSION:
        raise ValueError(f"Only version {_VERSION} of CloudEvents is supported.")
    event_id = _short(_text(attributes.get("id")) or given.get("event_id")) or _hash(value)
    return Event(attributes.get("type"), event_id, traceparent, data)


def _structured(value: bytes, given: Mapping[str, str]) -> dict[str, msgspec.Raw] | None:
    """Return the members of a CloudEvent in structured mode; None for a bare body."""
    media_type = given.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _STRUCTURED:
        return _members(value)
    if media_type.startswith(_MEDIA_TYPES):
        raise ValueError(f"The only supported media type of CloudEvents is {_STRUCTURED}.")
    if not value.lstrip().startswith(b"{"):
        return None
    members = _members(value)
    return members if members.keys() >= _REQUIRED else None


def _data(members: Mapping[str, msgspec.Raw]) -> bytes:
    if "data_base64" not in members:
        return bytes(members.get("data", b"null"))
    if "data" in members:
        raise ValueError("The CloudEvent has both data and data_base64.")
    return _base64(members["data_base64"])


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _short(event_id: str | None) -> str | None:
    """Return an id that a database can index: a hash of one that is long or not printable."""
    if not event_id or (len(event_id) <= _LONGEST_ID and event_id.isprintable()):
        return event_id
    return _hash(event_id.encode("utf-8", "surrogatepass"))


def _hash(value: bytes) -> str:
    return f"sha256:{sha256(value).hexdigest()}"
