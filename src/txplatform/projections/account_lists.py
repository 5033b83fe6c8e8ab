"""The filters, places and pages of an account's lists of transactions and of postings.

Both lists are read newest first. Some filters have no index, so many events may be read for a page.
A page therefore ends after about `MAX_EVENTS` events, even if it is not full.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from txplatform.contracts.cursors import Cursors, to_microseconds
from txplatform.domain.events import Event
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.flags import Flag
from txplatform.domain.ids import AccountId

Item = TypeVar("Item")

MAX_EVENTS = 5000
"""A page ends once about this many events were read for it."""

_FIRST_TIME = datetime.min.replace(tzinfo=UTC)
_LAST_TIME = datetime.max.replace(tzinfo=UTC)


class Place(NamedTuple):
    """The place of an item in a list: its recorded time in microseconds and its version."""

    recorded_at: int
    account_version: int


def take_page(
    rows: Iterable[tuple[Place, Item | None, int]], start: Place, limit: int
) -> tuple[list[Item], Place | None]:
    """Return the items of a page, and the place after which the next page begins, if any.

    Args:
        rows: For each row after `start`: its place, its item or None if it does not match, and the
            number of events read for it.
        start: The place after which the page begins.
        limit: The maximum number of items.
    """
    items: list[Item] = []
    last, events = start, 0
    for place, item, read in rows:
        if len(items) == limit or events >= MAX_EVENTS:
            return items, last
        if item is not None:
            items.append(item)
        last = place
        events += read
    return items, None


@dataclass(frozen=True, slots=True)
class ListFilters:
    """The filters of a list, newest first. An item has to match all; None admits every item.

    Attributes:
        since: The earliest recorded time of an item, UTC.
        until: The end of the recorded times, exclusive, UTC.
        flag: A flag of the item's event or, for a transaction, of one of its events.
        reference: The reference of the item's event or, for a transaction, of one of its events.
    """

    since: datetime | None = None
    until: datetime | None = None
    flag: Flag | None = None
    reference: str | None = None

    @property
    def earliest(self) -> datetime:
        """The earliest recorded time of an item."""
        return self.since or _FIRST_TIME

    @property
    def start(self) -> Place:
        """The place before the newest item."""
        return Place(to_microseconds(self.until or _LAST_TIME), 0)

    def cursors(self, name: str, account_id: AccountId) -> Cursors:
        """Return the cursors of the list of this name with these filters."""
        return Cursors(name, account_id=account_id, **asdict(self))

    def admit_one_of(self, events: Iterable[Event]) -> bool:
        """Return whether one of the events has the flag, and one of them the reference."""
        return (self.flag is None or any(self.flag in flags_of(each) for each in events)) and (
            self.reference is None or any(self.reference == reference_of(each) for each in events)
        )


def flags_of(event: Event) -> tuple[Flag, ...]:
    """Return the event's flags, which only events of advices have."""
    return event.flags if isinstance(event, AdviceEvent) else ()


def reference_of(event: Event) -> str | None:
    """Return the reference that came with the event's command, if any."""
    reference: str | None = getattr(event.command, "reference", None)
    return reference
