"""One outbound topic: its name, which events it tells of, and their records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from txplatform.domain.events import AccountEvent
    from txplatform.publisher.feed import Record


@dataclass(frozen=True, slots=True)
class OutboundTopic:
    """A topic that we write.

    Attributes:
        name: The topic, and the CloudEvents type of its messages.
        events: The kinds of event it tells of.
        record: Makes the record of such an event, given its log position.
    """

    name: str
    events: tuple[type[AccountEvent], ...]
    record: Callable[[int, Any], Record]
