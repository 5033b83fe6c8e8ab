"""How long the messages of a partition wait, by a clock that the tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from txplatform.consumers.backlog import HELD_BACK, Backlogs
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.positions import PartitionKey

KEY = PartitionKey("payments", 3)
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
STALLED_AFTER_S = 60


class Partition:
    """A partition and its only consumer.

    Attributes:
        end: The end offset that the broker tells; None before the first response.
    """

    def __init__(self) -> None:
        self.end: int | None = 0
        self._position = 0
        self._now_s = 0.0
        self._backlogs = Backlogs(
            lambda _: self.end,
            STALLED_AFTER_S,
            monotonic_s=lambda: self._now_s,
            time_s=lambda: NOON.timestamp() + self._now_s,
        )

    def apply(self, position: int, *, sent_s: float) -> None:
        """Apply the messages before a position, the last of which was sent at a time."""
        message = ReceivedMessage(
            *("cluster", KEY.topic, "id", KEY.partition, position - 1),
            NOON + timedelta(seconds=sent_s),
            key=None,
            headers=(),
            body=None,
        )
        self._backlogs.note([message], {})
        self._position = position

    def read_to_end(self) -> None:
        """Learn that there is nothing more to read now."""
        self._backlogs.note([], {KEY: self._position})

    def look(self, at_s: float) -> tuple[float, list[str]]:
        """Return how long the oldest message has waited in seconds, and the problems."""
        self._now_s = at_s
        self._backlogs.look({KEY: self._position})
        backlog = self._backlogs.latest.get(KEY)
        return backlog.oldest_s if backlog else 0, self._backlogs.problems()


@pytest.fixture
def partition() -> Partition:
    """A partition that has been empty until noon."""
    partition = Partition()
    assert partition.look(0) == (0, [])
    return partition


def test_messages_that_are_not_applied_are_a_problem_after_a_while(partition: Partition) -> None:
    partition.end = 20
    assert partition.look(60) == (60, [])
    waited_s, (problem,) = partition.look(61)
    assert waited_s == 61
    assert problem == (
        "payments[3] has 20 messages not applied, the oldest for 61 s:"
        " no message of it was applied meanwhile"
    )


def test_messages_are_held_back_if_all_that_can_be_read_was_read(partition: Partition) -> None:
    partition.end = 20
    partition.apply(5, sent_s=1)
    partition.look(2)
    partition.read_to_end()
    partition.look(40)
    (problem,) = partition.look(70)[1]
    assert problem == f"payments[3] has 15 messages not applied, the oldest for 69 s: {HELD_BACK}"
    partition.apply(20, sent_s=1)
    assert partition.look(71) == (0, [])


def test_a_backlog_that_is_worked_off_is_no_problem_and_its_age_is_that_of_the_messages(
    partition: Partition,
) -> None:
    partition.end = 1000
    for applied in range(1, 100):
        partition.apply(applied, sent_s=applied)
        assert partition.look(10 * applied) == (9 * applied, [])


def test_a_message_with_an_old_timestamp_does_not_make_the_next_one_old(
    partition: Partition,
) -> None:
    """Senders can write any time into a message."""
    partition.end = 1
    partition.apply(1, sent_s=-86_400)
    partition.look(10)
    partition.end = 2
    assert partition.look(11) == (1, [])
    partition.apply(2, sent_s=86_400)
    partition.end = 3
    assert partition.look(12) == (0, [])


def test_after_a_start_the_age_is_unknown_until_the_first_message_is_applied() -> None:
    partition = Partition()
    partition.end = None
    assert partition.look(-1) == (0, [])
    partition.end = 1000
    assert partition.look(0) == (0, [])
    assert partition.look(5) == (5, [])
    partition.apply(10, sent_s=-3600)
    assert partition.look(10) == (3610, [])


def test_a_partition_that_another_member_read_meanwhile_is_seen_anew(partition: Partition) -> None:
    partition.end = 1
    assert partition.look(3600) == (0, [])


def test_few_of_many_partitions_are_named() -> None:
    seconds = iter((0, 50, 100))
    backlogs = Backlogs(lambda _: 1, STALLED_AFTER_S, monotonic_s=lambda: next(seconds))
    positions = {PartitionKey("payments", number): 0 for number in range(5)}
    for _ in range(3):
        backlogs.look(positions)
    assert len(backlogs.problems()) == 4
    assert backlogs.problems()[-1] == "so do 2 other partitions"
