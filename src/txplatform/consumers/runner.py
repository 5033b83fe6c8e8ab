"""Reads the inbound topics and applies what they say: one thread, one batch a transaction.

The position of each partition is kept in the database with what it brought, so that nothing
is lost or applied twice, whatever fails and wherever. Whatever passes by itself (a database
or broker that is away, a rebalance, a lock) is waited for; membership of the group is kept.
"""

from __future__ import annotations

import random
import threading
from logging import DEBUG, WARNING
from time import monotonic

import psycopg
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import CollectorRegistry

from txplatform.consumers import TOPICS
from txplatform.consumers.assignment import Assignment
from txplatform.consumers.batch_processor import Batch, BatchProcessor, ProcessedBatch
from txplatform.consumers.broker import Broker, Polled
from txplatform.consumers.metrics import ConsumerMetrics
from txplatform.consumers.parsing import read_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.database import PASSING_FAULTS, Database
from txplatform.eventstore.snapshot import account_state
from txplatform.health import Health
from txplatform.inbox.positions import FencedError, PartitionKey
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.snapshots import take_snapshots
from txplatform.settings import Settings
from txplatform.telemetry import correlation_id, logger

_POLL_S = 0.25
_CHECK_EVERY_S = 5.0
_LONGEST_TURN_S = 15.0
"""A turn that takes longer means that the loop is stuck, or its process frozen."""

_FIRST_BACK_OFF_S = 0.2
_LONGEST_BACK_OFF_S = 5.0

_PASSING_FAULTS = (FencedError, KafkaException, *PASSING_FAULTS)
"""What is waited for. Anything else is a bug or a wrong installation, and ends the process."""


class InboundConsumer:
    """Applies the inbound topics: a part of a process."""

    name = "consumer"

    def __init__(self, settings: Settings, database: Database, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._database = database
        self._metrics = ConsumerMetrics(registry)
        self._log = logger(self.name)
        self._connection: psycopg.Connection | None = None
        self._cache = AccountCache(settings.account_cache_size)
        self._processor = BatchProcessor(self._cache)
        self._failures = 0
        self._retry_at = 0.0
        self._check_at = 0.0
        self._turned_at = monotonic()
        self._health = Health(ready=False, detail="has not started")

    def run(self, stop: threading.Event) -> None:
        """Read until told to stop."""
        broker = Broker(self._settings)
        assignment = Assignment(broker)
        broker.join(TOPICS, assignment.give, assignment.lose)
        try:
            while not stop.is_set():
                self._turned_at = monotonic()
                try:
                    self._turn(broker, assignment)
                except _PASSING_FAULTS as fault:
                    self._back_off(fault, assignment)
        finally:
            self._health = Health(ready=False, detail="has stopped")
            self._disconnect()
            broker.leave()

    def health(self) -> Health:
        """Whether it reads all that it should."""
        silent_s = monotonic() - self._turned_at
        if self._health.ready and silent_s > _LONGEST_TURN_S:
            return Health(ready=False, detail=f"has not polled for {silent_s:.0f} s")
        return self._health

    def _turn(self, broker: Broker, assignment: Assignment) -> None:
        now = monotonic()
        if now >= self._retry_at:
            if assignment.given and not assignment.taken_up:
                assignment.take_up(self._connected())
            if now >= self._check_at:
                assignment.check(self._connected())
                self._metrics.show_lags(assignment.lags())
                self._check_at = monotonic() + _CHECK_EVERY_S
        polled = broker.poll(self._settings.consumer_batch_messages, _POLL_S, assignment.origin)
        self._apply(polled, broker, assignment)
        for key, error in polled.broken.items():
            self._log.warning("held", topic=key.topic, partition=key.partition, error=error.str())
            assignment.hold(key, error.str())
        for problem in polled.problems:
            self._meet(problem)
        if now >= self._retry_at:
            self._failures = 0
            self._health = _health_of(assignment)

    def _apply(self, polled: Polled, broker: Broker, assignment: Assignment) -> None:
        started = monotonic()
        ours, moves = assignment.accept(polled.messages, polled.ends)
        if not moves:
            return
        parsed_messages = [read_message(message, TOPICS[message.topic]) for message in ours]
        batch = Batch(assignment.origin.cluster_id, parsed_messages, moves)
        processed = self._processor.process(self._connected(), batch)
        assignment.moved(moves)
        self._metrics.count_batch(
            [(m.topic, v.status) for m, v in zip(ours, processed.outcomes, strict=True)],
            monotonic() - started,
        )
        self._log_outcomes(batch, processed)
        take_snapshots(
            self._connected(),
            processed.work.accounts,
            processed.work.events,
            every=self._settings.snapshot_every_events,
        )
        broker.note({PartitionKey(m.topic, m.partition): m.next_offset for m in moves})

    def _meet(self, problem: KafkaError) -> None:
        """Act on what the client says: most of it passes, and is seen by `check`.

        Raises:
            KafkaException: The client cannot go on.
        """
        self._log.warning("kafka", error=problem.str())
        if problem.fatal():
            raise KafkaException(problem)
        self._check_at = 0.0

    def _back_off(self, fault: Exception, assignment: Assignment) -> None:
        """Let a fault pass; polling goes on, so that we stay a member of the group.

        Raises:
            KafkaException: The client cannot go on.
        """
        if isinstance(fault, KafkaException) and fault.args[0].fatal():
            raise fault
        longest = min(_LONGEST_BACK_OFF_S, _FIRST_BACK_OFF_S * 2**self._failures)
        # Jitter spreads the members of a group that were hit by the same fault.
        wait_s = longest * random.uniform(0.5, 1)  # noqa: S311  # no secret
        self._failures = min(self._failures + 1, 10)
        self._retry_at = monotonic() + wait_s
        self._health = Health(ready=False, detail=f"waits for a fault to pass: {fault}")
        self._metrics.count_fault()
        self._log.warning("paused", fault=str(fault), retry_in_s=round(wait_s, 2))
        self._disconnect()
        assignment.put_down()

    def _log_outcomes(self, batch: Batch, processed: ProcessedBatch) -> None:
        logs_all = self._log.is_enabled_for(DEBUG)
        for parsed, outcome in zip(batch.parsed_messages, processed.outcomes, strict=True):
            parked = outcome.status is MessageStatus.PARKED
            if parked or logs_all:
                self._log.log(
                    WARNING if parked else DEBUG,
                    "message " + outcome.status.value,
                    topic=parsed.message.topic,
                    partition=parsed.message.partition,
                    offset=parsed.message.offset,
                    account=outcome.account_id,
                    reason=outcome.reason,
                    event_id=outcome.event_id,
                    correlation_id=correlation_id(parsed.traceparent),
                )
        if logs_all:
            for account in processed.work.accounts.values():
                self._log.debug(
                    "account now",
                    account=account.account_id,
                    version=account.version,
                    state=account_state(account),
                )

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = self._database.connect()
        return self._connection

    def _disconnect(self) -> None:
        # Another server may have taken over, without the last commits of the one before it.
        self._cache.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _health_of(assignment: Assignment) -> Health:
    figures = {
        "cluster_id": assignment.origin.cluster_id,
        "partitions": len(assignment.positions),
        "lag": {f"{key.topic}[{key.partition}]": lag for key, lag in assignment.lags().items()},
    }
    problems = [
        *(
            f"topic {name} does not exist on the broker; create it"
            for name in sorted(assignment.missing)
        ),
        *assignment.faults.values(),
        *assignment.held.values(),
    ]
    if assignment.given is None:
        problems.append("is not a member of the consumer group yet")
    elif assignment.given and not assignment.taken_up:
        problems.append("has not looked up its positions yet")
    if problems:
        return Health(ready=False, detail="; ".join(problems), figures=figures)
    if not assignment.given:
        return Health(
            ready=True, detail="stands by: other members read all partitions", figures=figures
        )
    detail = f"reads {len(assignment.positions)} partitions"
    return Health(ready=True, detail=detail, figures=figures)
