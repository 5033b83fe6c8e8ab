"""The age of unread messages of each partition, judged by progress and not by errors.

The client knows all figures already, so no request is sent and nothing can fail. The end of a
partition includes messages of open transactions, which the broker holds back.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic, time

from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.positions import PartitionKey
from txplatform.pluralize import pluralize

HELD_BACK = (
    "held back by an open transaction of a producer, until it ends or the producer's"
    " transaction.timeout.ms is over"
)

_NAMED = 3
"""The most partitions that are named."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The unread messages of a partition.

    Attributes:
        messages: Their number, with the markers of transactions.
        oldest_s: The time for which the oldest has waited, as far as this consumer has seen, in
            seconds; 0 without messages.
        still_s: The time since a message was last applied or none was unread, in seconds.
        held_back: True if the broker holds the messages back because of an open transaction.
    """

    messages: int
    oldest_s: float
    still_s: float
    held_back: bool


@dataclass(slots=True)
class _Seen:
    """The last figures of a partition; times by the monotonic clock, in seconds.

    Attributes:
        read_until: A time up to which everything sent is applied; None if it is not known.
    """

    position: int
    moved_at: float
    seen_at: float
    read_until: float | None = None


class Backlogs:
    """The unread messages of this consumer's partitions.

    Attributes:
        latest: The result of the last comparison, by partition.
    """

    def __init__(
        self,
        end: Callable[[PartitionKey], int | None],
        stalled_after_s: float,
        *,
        monotonic_s: Callable[[], float] = monotonic,
        time_s: Callable[[], float] = time,
    ) -> None:
        """Begin; `end` returns the end offset of a partition, None if it is not known yet."""
        self._end = end
        self._monotonic_s, self._time_s = monotonic_s, time_s
        self._stalled_after_s = stalled_after_s
        self._seen: dict[PartitionKey, _Seen] = {}
        self._sent_at: dict[tuple[str, int], float] = {}
        self._read_to: dict[PartitionKey, int] = {}
        self.latest: Mapping[PartitionKey, Backlog] = {}

    def note(self, applied: Iterable[ReceivedMessage], ends: Mapping[PartitionKey, int]) -> None:
        """Note messages that were applied, and partitions that were read to these offsets."""
        ahead_s = self._time_s() - self._monotonic_s()
        for message in applied:
            if message.sent_at is not None:
                sent_at = message.sent_at.timestamp() - ahead_s
                self._sent_at[message.topic, message.partition] = sent_at
        self._read_to.update(ends)

    def look(self, positions: Mapping[PartitionKey, int]) -> None:
        """Compare the positions of the partitions being read with their ends."""
        now_s = self._monotonic_s()
        found = {}
        for key, position in positions.items():
            end = self._end(key)
            if end is None:
                continue
            seen = self._seen.get(key)
            if seen is None or now_s - seen.seen_at > self._stalled_after_s:
                seen = self._seen[key] = _Seen(position, now_s, now_s)
            if position != seen.position:
                seen.position, seen.moved_at = position, now_s
                sent_at = min(self._sent_at.get(key, now_s), now_s)
                seen.read_until = max(seen.read_until or sent_at, sent_at)
            if position >= end:
                seen.read_until = seen.moved_at = now_s
            seen.seen_at = now_s
            found[key] = Backlog(
                messages=max(0, end - position),
                oldest_s=now_s - (seen.moved_at if seen.read_until is None else seen.read_until),
                still_s=now_s - seen.moved_at,
                held_back=position < end and self._read_to.get(key) == position,
            )
        self.latest = found

    def problems(self) -> list[str]:
        """Return a text for each of the first partitions with messages but without progress."""
        stalled = {
            key: backlog
            for key, backlog in self.latest.items()
            if min(backlog.oldest_s, backlog.still_s) > self._stalled_after_s
        }
        texts = [
            f"{key.topic}[{key.partition}] has {pluralize(backlog.messages, 'message')} not"
            f" applied, the oldest for {backlog.oldest_s:.0f} s: "
            + (HELD_BACK if backlog.held_back else "no message of it was applied meanwhile")
            for key, backlog in list(stalled.items())[:_NAMED]
        ]
        more = len(stalled) - _NAMED
        return [*texts, f"so do {pluralize(more, 'other partition')}"] if more > 0 else texts
