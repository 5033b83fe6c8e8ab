"""Publishes one feed: takes its turn, sends batch after batch, moves the checkpoint behind them.

Where Kafka fails, the producer is thrown away and the feed starts again from the checkpoint.
Where the database fails, the turn is lost too. Either way some records are sent twice, in
order, and none is left out.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime

import psycopg

from txplatform.contracts.times import rfc3339_or_none
from txplatform.database import Database
from txplatform.errors import TxPlatformError
from txplatform.publisher.checkpoint import (
    commit_without_waiting,
    end_when_silent,
    lock_is_held_by,
    move_checkpoint,
    read_checkpoint,
    try_to_take_turn,
)
from txplatform.publisher.delivery import Delivery, DeliveryError
from txplatform.publisher.feed import Batch, Feed, Record
from txplatform.publisher.metrics import PublisherMetrics
from txplatform.settings import Settings
from txplatform.telemetry import correlation_id, logger
from txplatform.worker import Health

_STAND_BY_S = 1.0
_FIRST_BACK_OFF_S = 0.25
_LAST_BACK_OFF_S = 5.0
_MEASURE_EVERY_S = 1.0
_PATIENCE_S = 5.0
"""How long acknowledgements may take before it is told."""

_LAST_WORDS_S = 3.0
"""How long a batch in flight is waited for when told to stop."""


class FeedPublisher:
    """One feed's way to Kafka."""

    def __init__(
        self, feed: Feed, settings: Settings, database: Database, metrics: PublisherMetrics
    ) -> None:
        self.name = feed.name
        self._feed = feed
        self._settings = settings
        self._database = database
        self._metrics = metrics
        self._log = logger(f"publisher.{feed.name}")
        self._health = Health(ready=False, detail="starting")
        self._back_off_s = _FIRST_BACK_OFF_S
        self._checkpoint = 0
        self._lag: int | None = None
        self._measured = 0.0
        self._published_at: datetime | None = None
        self._backend_pid = 0
        self._fault = ""

    def health(self) -> Health:
        """How it is doing."""
        return self._health

    def run(self, stop: threading.Event) -> None:
        """Publish until told to stop."""
        while not stop.is_set():
            try:
                with self._database.connect() as connection:
                    if self._take_turn(connection, stop):
                        self._hold_turn(connection, stop)
            except (psycopg.Error, TxPlatformError) as error:
                # The connection is closed: if another publisher stands by, it is its turn.
                self._pause_after(error, stop)
            finally:
                self._lag = None
                self._metrics.forget(self.name)

    def _take_turn(self, connection: psycopg.Connection, stop: threading.Event) -> bool:
        end_when_silent(connection)
        commit_without_waiting(connection)
        while not try_to_take_turn(connection, self._feed):
            self._report_leader(connection)
            if stop.wait(_STAND_BY_S):
                return False
        self._backend_pid = connection.info.backend_pid
        self._log.info("took the turn", feed=self.name)
        return True

    def _report_leader(self, connection: psycopg.Connection) -> None:
        if lock_is_held_by(connection, self._feed, self._backend_pid):
            # The server has not noticed yet that this publisher closed the connection.
            detail = f"{self._fault}; the server still keeps the connection that was in use then"
            self._tell(ready=False, detail=detail)
        else:
            self._tell(ready=True, detail="standing by: another publisher is active")

    def _hold_turn(self, connection: psycopg.Connection, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._checkpoint = read_checkpoint(connection, self._feed)
                self._measure(connection)
                with Delivery(self._settings) as delivery:
                    delivery.require_topics(self._feed.topics)
                    self._publish(connection, delivery, stop)
            except DeliveryError as error:
                self._measure(connection)
                self._pause_after(error, stop)

    def _publish(
        self, connection: psycopg.Connection, delivery: Delivery, stop: threading.Event
    ) -> None:
        batch = self._feed.read(connection, self._checkpoint)
        while not stop.is_set():
            if batch is None:
                self._measure(connection)
                self._went_well()
                stop.wait(self._feed.pause_s)
                batch = self._feed.read(connection, self._checkpoint)
                continue
            delivery.begin(batch)
            try:
                following = self._feed.read(connection, batch.upto)  # while these are on their way
            finally:
                # Also where the next ones cannot be read: else these were sent at each attempt.
                delivery.wait(
                    lambda waited_s: self._still_waiting(connection, waited_s),
                    give_up=_Deadline(stop).passed,
                )
                self._acknowledged(connection, batch)
            self._measure(connection)
            batch = following

    def _acknowledged(self, connection: psycopg.Connection, batch: Batch) -> None:
        move_checkpoint(connection, self._feed, before=self._checkpoint, to=batch.upto)
        self._checkpoint = batch.upto
        if batch.topics:
            self._metrics.published(batch.topics)
            self._published_at = datetime.now(UTC)
            for record in batch.records if self._log.is_enabled_for(logging.DEBUG) else ():
                self._log.debug("published", topic=record.topic, **_trace(record))
        self._went_well()

    def _still_waiting(self, connection: psycopg.Connection, waited_s: float) -> None:
        self._measure(connection)
        if waited_s > _PATIENCE_S:
            self._tell(ready=False, detail="the brokers do not acknowledge what was sent")

    def _measure(self, connection: psycopg.Connection) -> None:
        """Tell the lag, once a second; fails when the turn was lost with the connection."""
        now = time.monotonic()
        if now - self._measured >= _MEASURE_EVERY_S:
            self._measured = now
            self._lag = self._feed.end(connection) - self._checkpoint
            self._metrics.lag(self.name, self._lag)

    def _went_well(self) -> None:
        self._back_off_s = _FIRST_BACK_OFF_S
        self._tell(ready=True, detail="active")

    def _pause_after(self, error: Exception, stop: threading.Event) -> None:
        self._metrics.restarted(self.name)
        self._log.warning("publishing is held up", feed=self.name, error=str(error))
        self._fault = str(error)
        self._tell(ready=False, detail=self._fault)
        stop.wait(self._back_off_s)
        self._back_off_s = min(2 * self._back_off_s, _LAST_BACK_OFF_S)

    def _tell(self, *, ready: bool, detail: str) -> None:
        self._health = Health(
            ready,
            detail,
            {
                "lag_positions": self._lag,
                "checkpoint": self._checkpoint,
                "last_published_at": rfc3339_or_none(self._published_at),
            },
        )


class _Deadline:
    """Passes some seconds after the order to stop."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._at: float | None = None

    def passed(self) -> bool:
        if not self._stop.is_set():
            return False
        if self._at is None:
            self._at = time.monotonic() + _LAST_WORDS_S
        return time.monotonic() > self._at


def _trace(record: Record) -> dict[str, str]:
    """What finds a record's log line: its headers of the same names."""
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
