"""Map events to the bytes that are stored, JSON that a person can read, and back.

Stored names lead to classes through one explicit table, so that nothing stored can name code.
A field that is missing takes the class's default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import msgspec
import orjson
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from txplatform.domain.events import EVENT_TYPES, AccountEvent, Event
from txplatform.errors import TxPlatformError
from txplatform.eventstore.snapshot import AccountSnapshot

_DECODERS: dict[str, msgspec.json.Decoder[Event]] = {
    kind.TOPIC: msgspec.json.Decoder(kind) for kind in EVENT_TYPES
}
_encode = msgspec.json.Encoder().encode

_COLUMNS = ("originator_id", "originator_version")
"""Columns of the log, which are cut off an event's JSON and put in front of it again."""
_FIRST_STORED = b',"timestamp":'
_ENVELOPE = (*_COLUMNS, "timestamp", "event_id", "traceparent", "caused_by")


class UnknownEventError(TxPlatformError):
    """The log holds an event that this version does not know."""


@dataclass(frozen=True)
class StoredAccountEvent(StoredEvent):
    """A stored event with the names it is found by."""

    event_key: str = ""
    transaction_id: str | None = None


class EventMapper(Mapper[str]):
    """Maps account events and snapshots to stored events and back."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        if isinstance(domain_event, AccountSnapshot):
            return StoredEvent(
                originator_id=domain_event.originator_id,
                originator_version=domain_event.originator_version,
                topic=domain_event.topic,
                state=domain_event.state,
            )
        event = cast("AccountEvent", domain_event)
        return StoredAccountEvent(
            originator_id=event.originator_id,
            originator_version=event.originator_version,
            topic=event.TOPIC,
            state=encode_event(event),
            event_key=event.key,
            transaction_id=event.transaction_id,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """Revive an event or snapshot.

        Raises:
            UnknownEventError: Its topic is not one of this version's.
        """
        originator_id = str(stored_event.originator_id)
        if AccountSnapshot.is_current(stored_event.topic):
            return AccountSnapshot(
                originator_id=originator_id,
                originator_version=stored_event.originator_version,
                topic=stored_event.topic,
                state=stored_event.state,
            )
        return decode_event(
            originator_id,
            stored_event.originator_version,
            stored_event.topic,
            stored_event.state,
        )


def encode_event(event: AccountEvent) -> bytes:
    """Return an event as JSON without its stream and version, which are columns.

    A field that has its default is left out.
    """
    written = _encode(event)
    return b"{" + written[written.index(_FIRST_STORED) + 1 :]


def decode_event(originator_id: str, originator_version: int, topic: str, state: bytes) -> Event:
    """Revive a stored event.

    Raises:
        UnknownEventError: The topic is not one of this version's.
        ValueError: The bytes are no such event.
    """
    decoder = _DECODERS.get(topic)
    if decoder is None:
        raise UnknownEventError(
            f"{originator_id} version {originator_version} is a {topic!r}.",
            why="This version has no such event; a newer one wrote it.",
            next_step="Run that version, or a newer one.",
        )
    if not state.startswith(b'{"'):
        raise ValueError(f"{originator_id} version {originator_version} is no JSON object.")
    columns = b'{"originator_id":%b,"originator_version":%d,'
    return decoder.decode(columns % (_encode(originator_id), originator_version) + state[1:])


def event_data(event: AccountEvent) -> dict[str, Any]:
    """Return an event's data as audit interfaces show it: every field beside the envelope."""
    fields = msgspec.structs.asdict(event)
    for name in _ENVELOPE:
        del fields[name]
    data: dict[str, Any] = orjson.loads(orjson.dumps(fields, default=msgspec.structs.asdict))
    return data
