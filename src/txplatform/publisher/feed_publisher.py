"""Publishes one feed: becomes its leader, sends batch after batch, moves the checkpoint after each.

Leader lock, reads and checkpoint share one connection. A publisher that has lost its connection
can neither read on nor move the checkpoint; what it still has in flight repeats, in order, what
its successor sends.

If Kafka fails, the publisher discards the producer and starts again from the checkpoint. If the
database fails, the leadership is lost too. Either way some records are sent twice, in order, and
none is left out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

import psycopg

from txplatform.contracts.encoding import rfc3339_or_none
from txplatform.database import Database
from txplatform.following.follower import Follower
from txplatform.following.leader_lock import LeaderLock
from txplatform.publisher.checkpoint import checkpoint_of, read_checkpoint
from txplatform.publisher.delivery import Delivery, DeliveryError
from txplatform.publisher.feed import Batch, Feed, Record
from txplatform.publisher.metrics import PublisherMetrics
from txplatform.settings import Settings
from txplatform.telemetry import correlation_id

SILENCE_S = 10
"""The server takes an active publisher for frozen after this; none is idle for longer."""

_STAND_BY_S = 1.0
_MEASURE_EVERY_S = 1.0
_PATIENCE_S = 5.0
"""How long acknowledgements may take before health says so."""


class FeedPublisher(Follower):
    """Publishes one feed to Kafka."""

    def __init__(  # noqa: PLR0913  # the last two have defaults
        self,
        feed: Feed,
        settings: Settings,
        database: Database,
        metrics: PublisherMetrics,
        *,
        deliver: Callable[[Settings], Delivery] = Delivery,
        stop_patience_s: float = 3.0,
    ) -> None:
        """Create a publisher that has not begun.

        Args:
            feed: The source of what it publishes.
            settings: The brokers, for the deliveries.
            database: Where the feed and the checkpoint are.
            metrics: The publisher's metrics.
            deliver: Makes the delivery that sends batches until one fails.
            stop_patience_s: How long a batch in flight is waited for when the process stops.
        """
        super().__init__(feed.name, database, component=f"publisher.{feed.name}")
        self._feed = feed
        self._settings = settings
        self._deliver = deliver
        self._stop_patience_s = stop_patience_s
        self._metrics = metrics
        self._leader_lock = LeaderLock(f"publisher:{feed.name}")
        self._checkpoint = checkpoint_of(feed)
        self._position = 0
        self._lag: int | None = None
        self._measured = 0.0
        self._published_at: datetime | None = None

    def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        """Lead, and publish from the checkpoint; start again from it whenever Kafka fails."""
        _end_when_silent(connection)
        _commit_without_waiting(connection)
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
            self._metrics.forget(self.name)

    def figures(self) -> dict[str, Any]:
        """Return its lag while it leads, its checkpoint, and when it last published."""
        return {
            "lag_positions": self._lag,
            "checkpoint": self._position,
            "last_published_at": rfc3339_or_none(self._published_at),
        }

    def report_fault(self, error: Exception) -> float:
        """Count the restart too."""
        self._metrics.restarted(self.name)
        return super().report_fault(error)

    def _stand_by(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        reason = self.health().detail
        while not self._leader_lock.try_to_lead(connection):
            leader = self._leader_lock.leading_session(connection)
            if leader is None:
                pass  # It has ended since; until this publisher leads, its health stays as it is.
            elif leader == self._leader_lock.own_session:
                detail = f"{reason}; the server still keeps the connection that was in use then"
                self.report(detail, ready=False)
            else:
                self.report("standing by: another publisher is active")
            yield _STAND_BY_S
        self._log.info("leads")

    def _publish(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        self._position = read_checkpoint(connection, self._feed)
        self._measure(connection)
        with self._deliver(self._settings) as delivery:
            delivery.require_topics(self._feed.topics)
            batch = self._feed.read(connection, self._position)
            while True:
                if batch is None:
                    self._measure(connection)
                    self.report("active")
                    yield self._feed.pause_s
                    batch = self._feed.read(connection, self._position)
                else:
                    batch = self._send(connection, delivery, batch)
                    yield 0

    def _send(
        self, connection: psycopg.Connection, delivery: Delivery, batch: Batch
    ) -> Batch | None:
        """Send a batch and move the checkpoint; return the next one, read while it was sent."""
        delivery.begin(batch)
        try:
            next_batch = self._feed.read(connection, batch.upto)
        finally:
            # Also if the next batch cannot be read: else this one would be sent at each attempt.
            delivery.wait(
                lambda waited_s: self._still_waiting(connection, waited_s),
                give_up=_Deadline(self._stop, self._stop_patience_s).passed,
            )
            self._acknowledged(connection, batch)
        self._measure(connection)
        return next_batch

    def _acknowledged(self, connection: psycopg.Connection, batch: Batch) -> None:
        self._checkpoint.move(connection, before=self._position, to=batch.upto)
        self._position = batch.upto
        if batch.topics:
            self._metrics.published(batch.topics)
            self._published_at = datetime.now(UTC)
            for record in batch.records if self._log.is_enabled_for(logging.DEBUG) else ():
                self._log.debug("published", topic=record.topic, **_trace(record))
        self.report("active")

    def _still_waiting(self, connection: psycopg.Connection, waited_s: float) -> None:
        self._measure(connection)
        if waited_s > _PATIENCE_S:
            self.report("the brokers do not acknowledge what was sent", ready=False)

    def _measure(self, connection: psycopg.Connection) -> None:
        """Measure the lag, once a second; fail if the leadership was lost with the connection."""
        now = time.monotonic()
        if now - self._measured >= _MEASURE_EVERY_S:
            self._measured = now
            self._lag = self._feed.end(connection) - self._position
            self._metrics.lag(self.name, self._lag)


def _end_when_silent(connection: psycopg.Connection) -> None:
    """Have the server end this connection, and with it the leadership, if our process freezes."""
    connection.execute(f"SET idle_session_timeout = '{SILENCE_S}s'")


def _commit_without_waiting(connection: psycopg.Connection) -> None:
    """Move the checkpoint without waiting for the disk.

    Others see it at once. A crash of the server can set it back by moments, never ahead of the
    log: then a few records are sent again, in order, as after any other fault.
    """
    connection.execute("SET synchronous_commit = off")


class _Deadline:
    """Passes some seconds after the process was told to stop."""

    def __init__(self, stop: threading.Event, patience_s: float) -> None:
        self._stop = stop
        self._patience_s = patience_s
        self._at: float | None = None

    def passed(self) -> bool:
        if not self._stop.is_set():
            return False
        if self._at is None:
            self._at = time.monotonic() + self._patience_s
        return time.monotonic() > self._at


def _trace(record: Record) -> dict[str, str]:
    """Return what finds a record's log line: its headers of the same names."""
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
