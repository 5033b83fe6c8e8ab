"""The common parts of followers: checkpoints, leader locks and the loop."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import psycopg
import pytest

from harness.histories import end_log_at
from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform import advisory_locks
from txplatform.database import Database
from txplatform.eventstore.migrations import shipped_migrations
from txplatform.following.checkpoint import Checkpoint, CheckpointError
from txplatform.following.follower import Follower
from txplatform.following.leader_lock import LeaderLock
from txplatform.following.side_by_side import SideBySide
from txplatform.projections import PROJECTIONS
from txplatform.publisher.runner import FEEDS

CHECKPOINT = Checkpoint("test:numbers")


@pytest.fixture
def one(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A connection of the service's role."""
    end_log_at(database, 10)
    with Database(database.service_url).connect() as connection:
        yield connection


@pytest.fixture
def two(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """Another connection of the service's role."""
    with Database(database.service_url).connect() as connection:
        yield connection


def test_a_follower_without_a_checkpoint_starts_at_0(one: psycopg.Connection) -> None:
    assert CHECKPOINT.read(one) == 0
    assert CHECKPOINT.lock(one) == 0
    CHECKPOINT.move(one, before=0, to=7)
    assert CHECKPOINT.read(one) == 7


def test_beginning_a_checkpoint_that_exists_changes_nothing(one: psycopg.Connection) -> None:
    CHECKPOINT.begin(one, 5)
    CHECKPOINT.begin(one, 9)
    assert CHECKPOINT.try_to_lock(one) == 5


def test_a_locked_checkpoint_cannot_be_locked_by_another_session(
    one: psycopg.Connection, two: psycopg.Connection
) -> None:
    CHECKPOINT.begin(one)
    with one.transaction():
        assert CHECKPOINT.try_to_lock(one) == 0
        assert CHECKPOINT.try_to_lock(two) is None
    assert CHECKPOINT.try_to_lock(two) == 0


def test_a_checkpoint_that_was_moved_meanwhile_is_not_moved(one: psycopg.Connection) -> None:
    CHECKPOINT.begin(one, 5)
    with pytest.raises(CheckpointError, match="no longer at 4"):
        CHECKPOINT.move(one, before=4, to=9)
    assert CHECKPOINT.read(one) == 5


def test_one_session_leads_until_it_ends(
    database: TestDatabase, one: psycopg.Connection, two: psycopg.Connection
) -> None:
    with Database(database.service_url).connect() as ending:
        ours, other = LeaderLock("a"), LeaderLock("a")
        assert ours.try_to_lead(ending)
        assert not other.try_to_lead(one)
        assert other.own_session is None
        assert other.leading_session(one) == ours.own_session == ending.info.backend_pid
        assert LeaderLock("b").try_to_lead(two)
        ending.execute("SELECT pg_advisory_unlock_all()")
    assert other.leading_session(one) is None
    assert other.try_to_lead(one)


def test_the_same_name_can_lead_in_another_database(
    database: TestDatabase, one: psycopg.Connection
) -> None:
    url = psycopg.conninfo.make_conninfo(database.owner_url, dbname="postgres")
    with psycopg.connect(url, autocommit=True) as elsewhere:
        assert LeaderLock("a").try_to_lead(elsewhere)
        assert LeaderLock("a").leading_session(one) is None
        assert LeaderLock("a").try_to_lead(one)


def test_the_same_name_can_lead_in_another_schema_of_the_database(
    database: TestDatabase, one: psycopg.Connection
) -> None:
    """So two installations can share a database."""
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA blue")
        owner.execute("SET search_path = blue")
        assert LeaderLock("a").try_to_lead(owner)
        assert LeaderLock("a").leading_session(one) is None
        assert LeaderLock("a").try_to_lead(one)
        assert LeaderLock("a").leading_session(owner) == owner.info.backend_pid


def test_no_two_leader_locks_are_the_same(one: psycopg.Connection) -> None:
    """A lock is a 32-bit hash of its name."""
    numbers = [value for name, value in vars(advisory_locks).items() if name.isupper()]
    assert len(set(numbers)) == len(numbers)
    assert str(advisory_locks.LOG) in shipped_migrations()[0].statements
    names = [f"publisher:{feed.name}" for feed in FEEDS]
    names += [f"rebuild:{projection.name}" for projection in PROJECTIONS]
    row = one.execute(
        "SELECT count(DISTINCT hashtext(name)) FROM unnest(%s::text[]) AS n (name)", (names,)
    ).fetchone()
    assert row == (len(names),)


class _Counting(Follower):
    """Counts its batches, and fails with an unexpected error at one of them."""

    def __init__(
        self,
        name: str,
        database: Database,
        fails_at: int | None = None,
        stalled_after_s: float = 60,
    ) -> None:
        super().__init__(name, database, stalled_after_s=stalled_after_s)
        self._fails_at = fails_at
        self.batches = 0

    def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        while True:
            connection.execute("SELECT 1")
            if self.batches == self._fails_at:
                raise ValueError("unforeseen")
            self.batches += 1
            self.report("counts")
            yield 0.01


def test_an_unexpected_error_ends_all_followers(database: TestDatabase) -> None:
    """The process then ends, and its supervisor restarts it."""
    connect = Database(database.service_url)
    fine, failing = _Counting("fine", connect), _Counting("failing", connect, fails_at=3)
    part = SideBySide("both", [fine, failing])
    stop = threading.Event()
    with pytest.raises(ValueError, match="unforeseen"):
        part.run(stop)
    assert stop.is_set()
    assert failing.batches == 3
    assert part.health().detail == "fine: counts; failing: counts"


def test_a_follower_that_hangs_is_not_ready(database: TestDatabase) -> None:
    hanging, stop = threading.Event(), threading.Event()

    class Hanging(_Counting):
        def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
            yield from itertools.islice(super().follow(connection), 2)
            hanging.wait()
            yield from super().follow(connection)

    follower = Hanging("a", Database(database.service_url), stalled_after_s=0.5)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(follower.run, stop)
        try:
            wait_until(lambda: "counts; has hung for" in follower.health().detail, timeout_s=10)
            assert not follower.health().ready
            hanging.set()
            wait_until(lambda: follower.health().ready, timeout_s=10)
        finally:
            hanging.set()
            stop.set()
        running.result()


def test_work_that_makes_progress_is_no_fault_however_old_it_is() -> None:
    """So a follower is ready while it catches up after an outage."""
    follower = _Counting("a", Database("host=/nowhere"), stalled_after_s=0.2)
    follower.report("follows")
    progress = itertools.count()
    began = monotonic()

    def catches_up() -> bool:
        follower.note_wait(3600, progress=next(progress))
        assert follower.health().ready
        return monotonic() - began > 0.5

    wait_until(catches_up)

    def stands_still() -> bool:
        follower.note_wait(3600, progress=None)
        return not follower.health().ready

    wait_until(stands_still)
    assert "the oldest item has waited for 3600 s" in follower.health().detail


def test_the_health_of_several_followers_has_that_of_each() -> None:
    unreachable = Database("host=/nowhere")
    part = SideBySide("all", [_Counting(name, unreachable) for name in ("a", "b")])
    assert part.health().to_json() == {
        "ready": False,
        "detail": "a: has not begun; b: has not begun",
        "facts": {"a": {"oldest_s": 0.0}, "b": {"oldest_s": 0.0}},
    }
