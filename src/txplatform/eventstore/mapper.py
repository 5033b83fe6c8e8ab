"""Between an event and the bytes that are stored of it: JSON that a person can read.

Stored names lead to classes through one explicit table, so that nothing stored can name
code. A field that is missing in an old event takes the class's default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import msgspec
import orjson
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from txplatform.domain.events import EVENT_TYPES, AccountEvent, Event
from txplatform.errors import TxPlatformError
from txplatform.eventstore.snapshot import AccountSnapshot

_EVENT_CLASSES: dict[str, type[Event]] = {cls.TOPIC: cls for cls in EVENT_TYPES}


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
        super().__init__(JSONTranscoder())  # required by the library; unused here

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
    """An event's facts as JSON, without its stream and version, which are columns."""
    facts = vars(event).copy()
    del facts["originator_id"], facts["originator_version"]
    return orjson.dumps(facts)


def decode_event(originator_id: str, originator_version: int, topic: str, state: bytes) -> Event:
    """Revive a stored event.

    Raises:
        UnknownEventError: The topic is not one of this version's.
        ValueError, TypeError: The bytes are no such event.
    """
    event_class = _EVENT_CLASSES.get(topic)
    if event_class is None:
        raise UnknownEventError(
            f"{originator_id} version {originator_version} is a {topic!r}.",
            why="This version has no such event; a newer one wrote it.",
            next_step="Run that version, or a newer one.",
        )
    facts = orjson.loads(state)
    facts["originator_id"] = originator_id
    facts["originator_version"] = originator_version
    return msgspec.convert(facts, event_class)
