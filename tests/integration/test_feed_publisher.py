"""The publisher of one feed when the broker or the feed fails, step by step, without a broker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self, cast

import psutil
import psycopg
import pytest
from prometheus_client import CollectorRegistry

from harness.histories import end_log_at
from harness.inbound import settings_for
from harness.parts import running
from harness.postgres import TestDatabase
from harness.published import checkpoint, decide, wait_for_publisher
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.demo.bus import DemoBus
from txplatform.eventstore.log import last_position
from txplatform.following.leader_lock import LeaderLock
from txplatform.publisher.delivery import Delivery, DeliveryError
from txplatform.publisher.event_feed import EventFeed
from txplatform.publisher.feed import Batch, Record
from txplatform.publisher.feed_publisher import FeedPublisher, checkpoint_of
from txplatform.publisher.metrics import PublisherMetrics
from txplatform.settings import Settings

TOPIC = "numbers"


class Numbers:
    """A feed of the numbers up to its end, each a batch."""

    name = "numbers"
    topics: Sequence[str] = (TOPIC,)
    pause_s = 0.1

    def __init__(
        self,
        last: int,
        unreadable: int | None = None,
        before_failing: Callable[[psycopg.Connection], object] = lambda _: None,
    ) -> None:
        self._last = last
        self._unreadable = unreadable
        self._before_failing = before_failing

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:
        """Read the next number, or fail."""
        connection.execute("SELECT 1")
        if after + 1 == self._unreadable:
            self._before_failing(connection)
            raise psycopg.DataError(f"number {after + 1} cannot be read")
        return (
            Batch.of(after + 1, [Record(TOPIC, None, b"%d" % (after + 1), [])])
            if after < self._last
            else None
        )

    def end(self, connection: psycopg.Connection) -> int:
        connection.execute("SELECT 1")
        return self._last


class MadeUpBroker:
    """Replaces deliveries; the test sets the outcome of each wait.

    Attributes:
        sent: The numbers sent.
        waits: The outcome of each wait in turn; later ones succeed.
    """

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.waits: list[Callable[[Callable[[float], object], Callable[[], bool]], None]] = []
        self.missing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def require_topics(self, topics: Iterable[str]) -> None:
        if self.missing:
            raise DeliveryError(f"The topic {next(iter(topics))} is missing.")

    def begin(self, batch: Batch) -> None:
        self.sent += [int(record.body or b"") for record in batch.records]

    def silence(self) -> str:
        return "too few replicas"

    def wait(self, meanwhile: Callable[[float], object], *, give_up: Callable[[], bool]) -> None:
        if self.waits:
            self.waits.pop(0)(meanwhile, give_up)


class Stop(threading.Event):
    """A stop event that is set at the nth pause and never sleeps.

    The short pauses between two batches do not count.

    Attributes:
        pauses: The length of each pause.
        seen: The value observed in each pause.
    """

    def __init__(self, pauses: int, look: Callable[[], Any] = lambda: None) -> None:
        super().__init__()
        self._left = pauses
        self._look = look
        self.pauses: list[float | None] = []
        self.seen: list[Any] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Pause."""
        if timeout is not None and timeout < 0.05:
            return self.is_set()
        self.pauses.append(timeout)
        self.seen.append(self._look())
        self._left -= 1
        if self._left == 0:
            self.set()
        return self.is_set()


@pytest.fixture
def broker() -> MadeUpBroker:
    """The broker that publishers deliver to."""
    return MadeUpBroker()


@pytest.fixture
def registry() -> CollectorRegistry:
    """The metrics of the publisher."""
    return CollectorRegistry()


def publisher_of(
    feed: Numbers, database: TestDatabase, registry: CollectorRegistry, broker: MadeUpBroker
) -> FeedPublisher:
    """Return a publisher that does not wait for the batch in flight when it stops."""
    end_log_at(database, 1000)
    settings = Settings(_env_file=None, database_url=database.service_url)
    deliver = cast("Callable[[Settings], Delivery]", lambda _: broker)
    return FeedPublisher(
        feed,
        settings,
        settings.service_database,
        PublisherMetrics(registry),
        deliver=deliver,
        stop_patience_s=0,
    )


def refuse(_: Callable[[float], object], __: Callable[[], bool]) -> None:
    raise DeliveryError("A record was refused.")


def acknowledge(_: Callable[[float], object], __: Callable[[], bool]) -> None:
    """Acknowledge."""


def test_pauses_grow_while_it_fails_and_are_short_again_after_a_success(
    database: TestDatabase, broker: MadeUpBroker, registry: CollectorRegistry
) -> None:
    broker.waits = [refuse, refuse, refuse, acknowledge, refuse]
    stop = Stop(pauses=4)
    publisher_of(Numbers(2), database, registry, broker).run(stop)
    assert stop.pauses == [0.25, 0.5, 1.0, 0.25]
    assert broker.sent == [1, 1, 1, 1, 2]
    assert checkpoint(database, "numbers") == 1
    assert (
        registry.get_sample_value("txplatform_publisher_restarts_total", {"feed": "numbers"}) == 4
    )


def test_a_publisher_without_its_topic_is_not_ready_even_with_nothing_to_send(
    database: TestDatabase, broker: MadeUpBroker, registry: CollectorRegistry
) -> None:
    """A faulty installation is visible before the first message."""
    broker.missing = True
    feed_publisher = publisher_of(Numbers(0), database, registry, broker)
    feed_publisher.run(Stop(pauses=1))
    assert not feed_publisher.health().ready
    assert "The topic numbers is missing" in feed_publisher.health().detail


def test_the_checkpoint_moves_even_if_the_next_batch_cannot_be_read(
    database: TestDatabase, broker: MadeUpBroker, registry: CollectorRegistry
) -> None:
    """Otherwise each retry would resend the batch."""
    feed_publisher = publisher_of(Numbers(3, unreadable=2), database, registry, broker)
    feed_publisher.run(Stop(pauses=3))
    assert broker.sent == [1]
    assert checkpoint(database, "numbers") == 1
    assert "number 2 cannot be read" in feed_publisher.health().detail


def test_a_publisher_held_up_by_its_own_earlier_connection_is_not_ready_and_says_why(
    database: TestDatabase, broker: MadeUpBroker, registry: CollectorRegistry
) -> None:
    """Nothing is published until the server ends the old session."""
    frozen: list[psutil.Process] = []

    def freeze(connection: psycopg.Connection) -> None:
        server_process = psutil.Process(connection.info.backend_pid)
        server_process.suspend()
        frozen.append(server_process)
        wait_until(lambda: server_process.status() == psutil.STATUS_STOPPED)

    feed_publisher = publisher_of(
        Numbers(1, unreadable=1, before_failing=freeze), database, registry, broker
    )
    stop = Stop(pauses=2, look=feed_publisher.health)
    try:
        feed_publisher.run(stop)
    finally:
        for server_process in frozen:
            server_process.resume()
    after_fault, standing_by = stop.seen
    assert after_fault.detail == "number 1 cannot be read"
    assert not standing_by.ready
    assert standing_by.detail.startswith("number 1 cannot be read; the server still keeps")
    assert broker.sent == []


def test_a_publisher_is_not_ready_while_acknowledgements_take_long(
    database: TestDatabase, broker: MadeUpBroker, registry: CollectorRegistry
) -> None:
    reported = []

    def slowly(meanwhile: Callable[[float], object], _: Callable[[], bool]) -> None:
        for waited_s in (1.0, 6.0):
            meanwhile(waited_s)
            reported.append((feed_publisher.health().ready, feed_publisher.health().detail))

    broker.waits = [acknowledge, slowly]
    feed_publisher = publisher_of(Numbers(2), database, registry, broker)
    feed_publisher.run(Stop(pauses=1))
    assert reported == [
        (True, "active"),
        (False, "the brokers do not acknowledge the records sent: too few replicas"),
    ]
    assert feed_publisher.health().ready


def test_a_publisher_keeps_the_lead_while_a_slow_broker_is_asked_for_its_topics(
    database: TestDatabase, registry: CollectorRegistry
) -> None:
    """The broker takes longer for all topics than a leader's session may be silent."""
    silence_s, round_trip_s = 3, 0.4
    assert len(EventFeed.topics) * round_trip_s > silence_s
    bus = DemoBus(round_trip_ms=int(round_trip_s * 1000))
    decide(database, 1, 1)
    settings = settings_for(database, bus.bootstrap_servers)
    publisher = FeedPublisher(
        EventFeed(),
        settings,
        settings.service_database,
        PublisherMetrics(registry),
        silence_s=silence_s,
    )
    with running(publisher):
        wait_for_publisher(database)
    assert not registry.get_sample_value(
        "txplatform_publisher_restarts_total", {"feed": "decisions"}
    )


def test_a_publisher_on_standby_is_not_ready_while_the_leader_publishes_nothing(
    database: TestDatabase, registry: CollectorRegistry
) -> None:
    settings = settings_for(database, "nowhere:1", stalled_after_s=1)
    publisher = FeedPublisher(
        EventFeed(), settings, settings.service_database, PublisherMetrics(registry)
    )
    decide(database, 1, 1)
    with settings.service_database.connect() as leader:
        assert LeaderLock("publisher:decisions").try_to_lead(leader)
        with running(publisher):
            wait_until(lambda: not publisher.health().ready and publisher.oldest_s > 1)
            assert "standing by: another publisher is active; the oldest item has waited" in (
                publisher.health().detail
            )
            checkpoint_of(EventFeed()).begin(leader, last_position(leader))
            wait_until(lambda: publisher.health().ready, timeout_s=10)


def test_a_stop_waits_a_short_time_for_the_batch_in_flight(
    database: TestDatabase,
    broker: MadeUpBroker,
    registry: CollectorRegistry,
) -> None:
    stop = Stop(pauses=1)

    def in_flight(_: Callable[[float], object], give_up: Callable[[], bool]) -> None:
        assert not give_up()
        stop.set()
        wait_until(give_up, timeout_s=5)
        raise DeliveryError("1 records were not acknowledged in time.")

    broker.waits = [in_flight]
    publisher_of(Numbers(1), database, registry, broker).run(stop)
    assert broker.sent == [1]
    assert checkpoint(database, "numbers") == 0


def test_a_publisher_on_standby_stops_at_once_and_shows_no_lag(
    database: TestDatabase, broker: MadeUpBroker, registry: CollectorRegistry
) -> None:
    """Only the leader has a lag; a publisher that lost the lead shows none."""
    feed = Numbers(1)
    feed_publisher = publisher_of(feed, database, registry, broker)
    lag = ("txplatform_publisher_lag_positions", {"feed": "numbers"})
    stop = Stop(pauses=1, look=lambda: registry.get_sample_value(*lag))
    feed_publisher.run(stop)
    assert stop.seen != [None]
    assert stop.pauses == [feed.pause_s]
    assert registry.get_sample_value(*lag) is None
    with Database(database.service_url).connect() as other:
        assert LeaderLock("publisher:numbers").try_to_lead(other)
        stop = Stop(
            pauses=1, look=lambda: (feed_publisher.health(), registry.get_sample_value(*lag))
        )
        feed_publisher.run(stop)
    ((health, shown),) = stop.seen
    assert health.ready
    assert "standing by" in health.detail
    assert health.figures["lag_positions"] is None
    assert shown is None
    assert broker.sent == [1]
