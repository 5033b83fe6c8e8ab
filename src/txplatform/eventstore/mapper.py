"""Encodes events as JSON and decodes stored events.

An explicit table maps stored types to event classes, so altered data cannot load other classes. A
field that is missing from the JSON has the default value of the class.
"""

from typing import Any

import msgspec
import orjson
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from typing_extensions import override

from txplatform.domain.events import EVENT_TYPES, AccountEvent, Event
from txplatform.errors import TxPlatformError
from txplatform.eventstore.snapshot import AccountSnapshot

_DECODERS: dict[str, msgspec.json.Decoder[Event]] = {
    kind.TOPIC: msgspec.json.Decoder(kind) for kind in EVENT_TYPES
}
_encode = msgspec.json.Encoder().encode

_FIRST_STORED = b',"timestamp":'
"""The first field in the stored JSON. Earlier fields are columns; decoding puts them back."""


class UnknownEventError(TxPlatformError):
    """The log has a kind of event that this version does not know."""


class EventMapper(Mapper[str]):
    """Decodes stored account events and snapshots for the eventsourcing library."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    @override
    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        revive = AccountSnapshot if AccountSnapshot.is_current(stored_event.topic) else decode_event
        return revive(
            str(stored_event.originator_id),
            stored_event.originator_version,
            stored_event.topic,
            stored_event.state,
        )


def encode_event(event: AccountEvent) -> bytes:
    """Return an event as JSON; omit its stream, its version and fields with default values."""
    written = _encode(event)
    return b"{" + written[written.index(_FIRST_STORED) + 1 :]


def decode_event(originator_id: str, originator_version: int, topic: str, state: bytes) -> Event:
    """Decode a stored event.

    Raises:
        UnknownEventError: No event class has this topic.
        ValueError: The bytes are not an event of that class.
    """
    decoder = _DECODERS.get(topic)
    if decoder is None:
        raise UnknownEventError(
            f"{originator_id} version {originator_version} is of the unknown kind {topic!r}.",
            why="This version does not know this kind of event; a newer version wrote it.",
            next_step="Run that version, or a newer one.",
        )
    if not state.startswith(b'{"'):
        raise ValueError(f"{originator_id} version {originator_version} is not a JSON object.")
    columns = b'{"originator_id":%b,"originator_version":%d,'
    return decoder.decode(columns % (_encode(originator_id), originator_version) + state[1:])


def event_data(event: AccountEvent) -> dict[str, Any]:
    """Return an event's fields as plain values, without the fields that all events have."""
    fields = msgspec.structs.asdict(event)
    for name in AccountEvent.__struct_fields__:
        del fields[name]
    data: dict[str, Any] = orjson.loads(orjson.dumps(fields, default=msgspec.structs.asdict))
    return data
