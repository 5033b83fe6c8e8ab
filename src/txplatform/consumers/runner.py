"""Reads inbound messages in a single thread, and applies each batch in one transaction.

The transaction that applies the messages also moves the stored positions, so no fault loses a
message or applies it twice. During a transient fault (database or broker unavailable, a rebalance,
a lock timeout), the consumer backs off but stays a member of the group.
"""

import random
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import NamedTuple

import psycopg
from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from txplatform.consumers.assignment import Assignment
from txplatform.consumers.backlog import Backlogs
from txplatform.consumers.batch_processor import InboundBatch
from txplatform.consumers.broker import Broker, Polled
from txplatform.consumers.deferred_messages import Deferred, retry_deferred
from txplatform.consumers.group import Identity, lock_member, read_identity
from txplatform.consumers.isolation import Processed, process_in_parts
from txplatform.consumers.looks import Looks, briefly
from txplatform.consumers.metrics import ConsumerMetrics
from txplatform.consumers.parsing import read_message
from txplatform.consumers.reporting import TOPICS, health_of, log_outcomes
from txplatform.consumers.spans import traced_messages
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.contracts.messages import INBOUND
from txplatform.database import PASSING_FAULTS, Database
from txplatform.database_clock import DatabaseClock
from txplatform.health import Health
from txplatform.inbox.alarms import Alarms, end_overtaken
from txplatform.inbox.positions import FencedError, PartitionKey
from txplatform.inbox.unsettled import parked_messages
from txplatform.inbox.writer import keep_contents
from txplatform.kafka import BrokersError
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.snapshots import take_snapshots
from txplatform.projections.payments import on_two_accounts
from txplatform.projections.waiting_advices import waiting_by_topic
from txplatform.settings import Settings
from txplatform.telemetry import FaultLog, logger
from txplatform.tracing import process_tracer

_POLL_S = 0.25
_CHECK_EVERY_S = 5.0
_CHECK_SOON_S = 1.0
"""The time until the check that shows a message just parked; later batches do not put it off."""

_KEEP_EVERY_S = 3600.0
_PAUSE_PER_SECOND_OF_COUNTING_S = 20.0
"""Limits the counting of thousands of parked and waiting messages to a twentieth of the time."""

_STUCK_AFTER_S = 15.0
"""If no poll has started for this long, the loop is stuck or the process is frozen."""

_FIRST_BACK_OFF_S = 0.2
_LONGEST_BACK_OFF_S = 5.0

_TRANSIENT = (
    FencedError,
    BrokersError,
    KafkaException,
    psycopg.Error,
    UnicodeError,
    *PASSING_FAULTS,
)
"""Any other exception is a bug or a misconfiguration, and ends the process."""


class _Parts(NamedTuple):
    """The parts of a consumer that exist once its names are known."""

    broker: Broker
    assignment: Assignment
    backlogs: Backlogs


class InboundConsumer:
    """The part of a worker that consumes the inbound topics."""

    name = "consumer"

    def __init__(self, settings: Settings, database: Database, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._database = database
        self._metrics = ConsumerMetrics(registry)
        self._log = logger(self.name)
        self._faults = FaultLog(self._log)
        self._suspensions = FaultLog(self._log, line="partition suspended")
        self._problems = FaultLog(self._log, line="kafka")
        self._snapshot_faults = FaultLog(self._log, line="snapshots not stored")
        self._looks = Looks(self._log, self._metrics.failed_looks)
        self._connection: psycopg.Connection | None = None
        self._clock = DatabaseClock()
        self._cache = AccountCache(settings.account_cache_size)
        self._failures = 0
        self._retry_at = 0.0
        self._check_at = 0.0
        self._keep_at = 0.0
        self._unsettled_at = 0.0
        self._polled_at = monotonic()
        self._deferred = Deferred()
        self._alarms = Alarms()
        self._tracer = process_tracer()
        self._health = Health(ready=False, detail="has not started")

    def run(self, stop: threading.Event) -> None:
        """Process messages until `stop` is set."""
        try:
            if (identity := self._read_identity(stop)) is not None:
                self._consume(identity, stop)
        finally:
            self._health = Health(ready=False, detail="has stopped")
            self._disconnect()

    def _read_identity(self, stop: threading.Event) -> Identity | None:
        """Return the consumer's names once the database responds; None if `stop` is set before."""
        while not stop.is_set():
            self._polled_at = monotonic()
            try:
                return read_identity(self._settings, self._connected())
            except _TRANSIENT as fault:
                stop.wait(self._note_fault(fault))
        return None

    def _consume(self, identity: Identity, stop: threading.Event) -> None:
        broker = Broker(self._settings, identity)
        stalled_after_s = self._settings.stalled_after_s
        parts = _Parts(
            broker,
            Assignment(broker),
            Backlogs(broker.end, stalled_after_s),
        )
        broker.join(INBOUND, parts.assignment.assign, lambda: parts.assignment.assign(None))
        try:
            while not stop.is_set():
                self._polled_at = monotonic()
                try:
                    self._run_once(parts)
                except _TRANSIENT as fault:
                    self._back_off(fault, parts.assignment)
        finally:
            broker.leave()

    def health(self) -> Health:
        """Return the health of the last poll (see `health_of`); not ready if it is long ago."""
        silent_s = monotonic() - self._polled_at
        hung = silent_s > self._settings.stalled_after_s
        if hung or (self._health.ready and silent_s > _STUCK_AFTER_S):
            return Health(False, f"has not polled for {silent_s:.0f} s", hung=hung)
        return self._health

    def _run_once(self, parts: _Parts) -> None:
        broker, assignment, backlogs = parts
        now = monotonic()
        if now >= self._retry_at:
            if assignment.assigned and not assignment.reading:
                lock_member(self._connected(), broker.member_id())
                assignment.start_reading(self._connected())
            if now >= self._check_at:
                self._check(assignment, backlogs)
        polled = broker.poll(self._settings.consumer_batch_messages, _POLL_S, assignment.origin)
        self._apply(polled, broker, assignment)
        backlogs.note(polled.messages, polled.ends)
        for key, error in polled.broken.items():
            why = broker.explain(key.topic, error)
            self._suspensions.failed(BrokersError(f"{key.topic}[{key.partition}]: {why}"))
            assignment.suspend(key, why)
        if not assignment.suspended:
            self._suspensions.succeeded()
        for problem in polled.problems:
            self._problems.failed(BrokersError(problem.str()))
            if problem.fatal():
                raise KafkaException(problem)
            self._check_at = 0.0  # most problems are transient; the check finds the others
        if now >= self._retry_at:
            self._failures = 0
            self._faults.succeeded()
            backlogs.look(assignment.positions)
            self._health = health_of(
                assignment,
                backlogs,
                self._deferred,
                self._alarms,
                self._looks.faults,
            )

    def _look(self, name: str, action: Callable[[psycopg.Connection], object]) -> bool:
        connection = self._connected()
        return self._looks.take(name, partial(action, connection), connection)

    def _check(self, assignment: Assignment, backlogs: Backlogs) -> None:
        """Check for changes that no message announces, and try deferred messages again."""
        look = self._look
        wait_s = _CHECK_EVERY_S
        if not look(TOPICS, assignment.check):
            assignment.advanced = False
            wait_s = _CHECK_SOON_S
        look("the time", self._clock.measure)
        if monotonic() >= self._keep_at:
            look("contents to drop", self._keep_contents)
        if look("deferred messages", self._retry_deferred) and self._deferred.retried:
            wait_s = 0
        look("alarms", self._find_alarms)
        look("figures", self._measure)
        if monotonic() >= self._unsettled_at:
            look("parked and waiting messages", self._count_unsettled)
        self._metrics.show(backlogs.latest, self._deferred.messages, self._alarms)
        self._check_at = monotonic() + wait_s

    def _retry_deferred(self, connection: psycopg.Connection) -> None:
        self._deferred = retry_deferred(connection)

    def _find_alarms(self, connection: psycopg.Connection) -> None:
        self._alarms = self._alarms.followed_by(end_overtaken(connection))

    def _measure(self, connection: psycopg.Connection) -> None:
        self._metrics.on_two_accounts.set(len(briefly(connection, on_two_accounts)))

    def _count_unsettled(self, connection: psycopg.Connection) -> None:
        began = monotonic()
        try:
            self._metrics.parked.show(briefly(connection, parked_messages))
            self._metrics.waiting.show(briefly(connection, waiting_by_topic))
        finally:
            now = monotonic()
            self._unsettled_at = now + _PAUSE_PER_SECOND_OF_COUNTING_S * (now - began)

    def _apply(self, polled: Polled, broker: Broker, assignment: Assignment) -> None:
        started = monotonic()
        messages, moves = assignment.accept(polled.messages, polled.ends)
        if not moves:
            return
        parsed_messages = [read_message(message) for message in messages]
        connection = self._connected()  # measures the clock
        if self._clock.simulated:
            self._clock.measure(connection)
        now = self._clock.now()
        with traced_messages(self._tracer, parsed_messages) as traced:
            batch = InboundBatch(assignment.origin.cluster_id, traced, moves, now)
            for done in process_in_parts(connection, self._cache, batch):
                self._note(done, monotonic() - started, broker, assignment)
                started = monotonic()

    def _note(self, done: Processed, took_s: float, broker: Broker, assignment: Assignment) -> None:
        """Note a batch, or a part of one, that was committed."""
        batch, outcomes, work = done
        assignment.apply_moves(batch.moves)
        statuses = [outcome.status for outcome in outcomes]
        topics = [parsed.message.topic for parsed in batch.parsed_messages]
        self._metrics.count_batch(zip(topics, statuses, strict=True), took_s)
        log_outcomes(self._log, batch, outcomes, work)
        if work.failed or MessageStatus.PARKED in statuses:
            self._check_at = min(self._check_at, monotonic() + _CHECK_SOON_S)
        every = self._settings.snapshot_every_events
        connection, faults = self._connected(), self._snapshot_faults
        take_snapshots(connection, work.accounts, work.events, every=every, faults=faults)
        reached = {PartitionKey(m.topic, m.partition): m.next_offset for m in batch.moves}
        self._looks.take("offsets in Kafka", partial(broker.note, reached), connection)

    def _back_off(self, fault: Exception, assignment: Assignment) -> None:
        """Stop reading for a while, but keep polling to remain a member of the group.

        Raises:
            KafkaException: The client cannot recover.
        """
        if isinstance(fault, KafkaException) and fault.args[0].fatal():
            raise fault
        self._retry_at = monotonic() + self._note_fault(fault)
        assignment.stop_reading()

    def _note_fault(self, fault: Exception) -> float:
        """Report a fault and disconnect; return the seconds until the next attempt."""
        longest = min(_LONGEST_BACK_OFF_S, _FIRST_BACK_OFF_S * 2**self._failures)
        # Jitter spreads out the retries of members with the same fault.
        wait_s: float = longest * random.uniform(0.5, 1)  # noqa: S311  # no secret
        self._failures = min(self._failures + 1, 10)
        words = (
            fault.args[0].str()
            if isinstance(fault, KafkaException)
            else str(fault).strip() or type(fault).__name__
        )
        self._health = Health(ready=False, detail=f"waiting for a fault to pass: {words}")
        self._metrics.count_fault()
        self._faults.failed(fault)
        self._disconnect()
        return wait_s

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = self._database.connect()
            self._clock.measure(self._connection)
            keep = partial(self._keep_contents, self._connection)
            self._looks.take("contents to drop", keep, self._connection)
        return self._connection

    def _keep_contents(self, connection: psycopg.Connection) -> None:
        self._keep_at = monotonic() + _CHECK_EVERY_S  # if it fails
        dropped = keep_contents(connection, self._settings.inbound_contents_days)
        self._keep_at = monotonic() + _KEEP_EVERY_S
        if dropped:
            self._log.info("contents of old messages dropped", partitions=dropped)

    def _disconnect(self) -> None:
        # After a failover, the log may lack the last commits, which the cached accounts include.
        self._cache.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
