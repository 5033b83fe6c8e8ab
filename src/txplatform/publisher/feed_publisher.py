"""Publishes one feed: takes the leader lock, sends batches, and advances the checkpoint.

Leader lock, reads and checkpoint share one connection, so a publisher that loses the connection can
neither read records nor move the checkpoint. The next leader sends all records after the
checkpoint, including records that the old publisher still has in flight.

If Kafka fails, the publisher discards the producer and resumes from the checkpoint. If the database
fails, the publisher also has to become leader again. In both cases some records may be sent twice,
but none is skipped.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

import psycopg
from typing_extensions import override

from txplatform.contracts.cloudevents import trace_of
from txplatform.contracts.encoding import rfc3339_or_none
from txplatform.database import Database
from txplatform.database_clock import simulated_time
from txplatform.following.checkpoint import Checkpoint, CheckpointError
from txplatform.following.follower import Follower
from txplatform.following.leader_lock import LeaderLock
from txplatform.publisher.delivery import Delivery, DeliveryError
from txplatform.publisher.feed import Batch, Feed, Record
from txplatform.publisher.metrics import PublisherMetrics
from txplatform.settings import Settings
from txplatform.telemetry import correlation_id
from txplatform.tracing import process_tracer

SILENCE_S = 10
"""The server ends the session of a publisher that sends no statement for this long."""

_STAND_BY_S = 1.0
_MEASURE_EVERY_S = 1.0
_LINGER_S = 0.02
"""The shortest time between two batches. A broker works as long for few records as for many."""

_PATIENCE_S = 5.0
"""After this time without acknowledgements, the publisher reports that it is not ready."""


class FeedPublisher(Follower):
    """Publishes one feed to Kafka."""

    def __init__(  # noqa: PLR0913  # the last three have defaults
        self,
        feed: Feed,
        settings: Settings,
        database: Database,
        metrics: PublisherMetrics,
        *,
        deliver: Callable[[Settings], Delivery] = Delivery,
        stop_patience_s: float = 3.0,
        silence_s: float = SILENCE_S,
    ) -> None:
        """Create a publisher.

        `deliver` creates a `Delivery`, which is replaced after a failure. When the process stops,
        the publisher waits up to `stop_patience_s` seconds for a batch in flight. The server ends
        the session of a publisher that sends no statement for `silence_s` seconds.
        """
        super().__init__(
            feed.name,
            database,
            component=f"publisher.{feed.name}",
            stalled_after_s=settings.stalled_after_s,
        )
        self._feed = feed
        self._settings = settings
        self._deliver = deliver
        self._stop_patience_s = stop_patience_s
        self._silence_s = silence_s
        self._metrics = metrics
        self._leader_lock = LeaderLock(f"publisher:{feed.name}")
        self._checkpoint = checkpoint_of(feed)
        self._position = 0
        self._lag: int | None = None
        self._measured = 0.0
        self._published_at: datetime | None = None
        self._tracer = process_tracer()

    @override
    def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        """Wait to become leader, then publish; after a Kafka fault, resume from the checkpoint."""
        # If this process freezes, the server ends the session, which frees the leader lock.
        connection.execute(f"SET idle_session_timeout = '{self._silence_s}s'")
        # Moves of the checkpoint need not wait for the disk. A crash of the server may undo the
        # last moves; then a few records are sent again, as after any other fault.
        connection.execute("SET synchronous_commit = off")
        yield from self._stand_by(connection)
        try:
            while True:
                try:
                    yield from self._publish(connection)
                except DeliveryError as error:
                    self._measure(connection)
                    pause_s = self.report_fault(error)
                yield pause_s
        finally:
            self._lag = None
            self._metrics.lag.labels(self.name)  # creates the series; removing a missing one fails
            self._metrics.lag.remove(self.name)

    @override
    def figures(self) -> dict[str, Any]:
        return {
            "lag_positions": self._lag,
            "checkpoint": self._position,
            "last_published_at": rfc3339_or_none(self._published_at),
        }

    @override
    def report_fault(self, error: Exception) -> float:
        self._metrics.restarts.labels(self.name).inc()
        return super().report_fault(error)

    def _stand_by(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        reason = self.health().detail
        while not self._leader_lock.try_to_lead(connection):
            leader = self._leader_lock.leading_session(connection)
            if leader is None:
                pass  # the leader has just ended, so the next attempt can succeed
            elif leader == self._leader_lock.own_session:
                detail = f"{reason}; the server still keeps this process's old session"
                self.report(detail, ready=False)
            else:
                self.report("standing by: another publisher is active")
            self.watch(connection, self._checkpoint)
            self._metrics.oldest.labels(self.name).set(self.oldest_s)
            yield _STAND_BY_S
        self._log.info("became leader")

    def _publish(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        self._position = read_checkpoint(connection, self._feed)
        self._measure(connection)
        simulated = simulated_time(connection) is not None
        with self._deliver(self._settings) as delivery:
            delivery.require_topics(self._feed.topics)
            while True:
                began = time.monotonic()
                batch = self._feed.read(connection, self._position)
                if batch is None:
                    self._measure(connection)
                    self.report("active")
                    yield self._feed.pause_s
                else:
                    self._send(connection, delivery, batch.simulated() if simulated else batch)
                    self._measure(connection)
                    yield max(0.0, began + _LINGER_S - time.monotonic())

    def _send(self, connection: psycopg.Connection, delivery: Delivery, batch: Batch) -> None:
        began_ns = time.time_ns()
        delivery.begin(batch)
        delivery.wait(
            lambda waited_s: self._still_waiting(connection, delivery, waited_s),
            give_up=_passed_since(self._stop, self._stop_patience_s),
        )
        self._acknowledged(connection, batch)
        if self._tracer is not None:
            for record in batch.records:
                parent = trace_of(record.headers)
                name = f"publish {record.topic}"
                self._tracer.begin(name, "PRODUCER", parent, began_ns=began_ns).end()

    def _acknowledged(self, connection: psycopg.Connection, batch: Batch) -> None:
        self._checkpoint.move(connection, before=self._position, to=batch.upto)
        self._position = batch.upto
        if batch.topics:
            for topic, count in batch.topics.items():
                self._metrics.published.labels(topic).inc(count)
            self._published_at = datetime.now(UTC)
            for record in batch.records if self._log.is_enabled_for(logging.DEBUG) else ():
                self._log.debug("published", topic=record.topic, **_trace(record))
        self.report("active")

    def _still_waiting(
        self, connection: psycopg.Connection, delivery: Delivery, waited_s: float
    ) -> None:
        self._measure(connection)
        if waited_s > _PATIENCE_S:
            detail = f"the brokers do not acknowledge the records sent: {delivery.silence()}"
            self.report(detail, ready=False)

    def _measure(self, connection: psycopg.Connection) -> None:
        """Measure the lag once a second; the query also detects a lost connection."""
        now = time.monotonic()
        if now - self._measured >= _MEASURE_EVERY_S:
            self._measured = now
            self._lag = self._feed.end(connection) - self._position
            self._metrics.lag.labels(self.name).set(self._lag)
            self.watch(connection, self._checkpoint)
            self._metrics.oldest.labels(self.name).set(self.oldest_s)


def checkpoint_of(feed: Feed) -> Checkpoint:
    """Return the checkpoint of a feed; all records up to the checkpoint are acknowledged."""
    return Checkpoint(f"publisher:{feed.name}")


def read_checkpoint(connection: psycopg.Connection, feed: Feed) -> int:
    """Return the position to resume from; 0 for a new feed.

    Raises:
        CheckpointError: The checkpoint is past the feed's end, so the log has lost events.
        psycopg.Error: The checkpoint cannot be read or locked, so progress could not be recorded.
    """
    position = checkpoint_of(feed).lock(connection)
    if position > (end := feed.end(connection)):
        raise CheckpointError(
            f"The checkpoint of {feed.name} is {position}, but the feed ends at {end}.",
            why="The log has lost its last events, perhaps because a backup was restored.",
            next_step="Find out which events were lost. Then set the checkpoint in the table"
            " checkpoints back to a position that both histories share.",
        )
    return position


def _passed_since(event: threading.Event, patience_s: float) -> Callable[[], bool]:
    """Return a function that returns True after the event has been set for `patience_s` seconds."""
    deadline = math.inf

    def passed() -> bool:
        nonlocal deadline
        if event.is_set():
            deadline = min(deadline, time.monotonic() + patience_s)
        return time.monotonic() > deadline

    return passed


def _trace(record: Record) -> dict[str, str]:
    texts = {
        name: value.decode("utf-8", "replace")
        for name, value in record.headers
        if value is not None
    }
    found: dict[str, str] = {
        name: texts[name] for name in ("event_id", "inbound_id") if name in texts
    }
    if (traceparent := texts.get("traceparent", "")).count("-") > 1:
        found["correlation_id"] = correlation_id(traceparent)
    return found
