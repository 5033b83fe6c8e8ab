"""The consumer: each message has one effect, in the transaction that stores its event id.

A producer sends a message again if it is in doubt, and Kafka delivers one again after a fault. Such
a copy has the same event id, and is skipped. So is a message that comes again because the process
died after the commit and before it stored its offsets in Kafka.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import psycopg
from confluent_kafka import Consumer, KafkaException, Message
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry, Counter

from txbank.database import Connection, Database
from txbank.kafka import ReportedFault, client_config
from txbank.part import Health, retry_faults
from txbank.settings import CommonSettings
from txbank.tracing import logger, traced
from txplatform_client import MessageError
from txplatform_client.kafka import Envelope, SeenEvents, read
from txplatform_client.kafka.records import Message as Body

_BATCH = 500
_POLL_S = 0.25
_FORGET_AT_ONCE = 10_000

_REFUSED = (psycopg.DataError, psycopg.errors.ProgramLimitExceeded, ValueError)
"""Errors that a message provokes by a value in it, each time that it is handled."""

Handler = Callable[[Connection, Envelope[Body]], None]
"""Gives a message its effect in the transaction of the connection."""


class Subscriber:
    """Consumes the topics of one service. Several processes share them as one consumer group."""

    def __init__(  # noqa: PLR0913  # one for tests, given by name
        self,
        service: str,
        database: Database,
        settings: CommonSettings,
        registry: CollectorRegistry,
        handlers: Mapping[str, Handler],
        *,
        forget_every_s: float = 3600,
    ) -> None:
        self.name = f"{service} inbox"
        self.health = Health(ready=True, detail="starting")
        self._group = f"txbank-{service}"
        self._seen = SeenEvents(service)
        self._database = database
        self._settings = settings
        self._handlers = handlers
        self._forget_every_s = forget_every_s
        self._forget_at = 0.0
        self._log = logger(self.name)
        self._handled = Counter(
            "txbank_inbox_messages",
            "Messages, by outcome.",
            ["topic", "outcome"],
            registry=registry,
        )

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set, through faults of the database and the brokers."""
        retry_faults(self, self._consume, stop)

    def _consume(self, stop: threading.Event) -> None:
        """Consume from the committed offsets. After a fault, a new consumer begins there again."""
        fault = ReportedFault()
        consumer = Consumer(
            {
                **client_config(self._settings, fault),
                "group.id": self._group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 10_000,  # until others take over from a process that died
            }
        )
        consumer.subscribe(list(self._handlers))
        try:
            while not stop.is_set():
                messages = consumer.consume(_BATCH, _POLL_S)
                if messages:
                    outcomes = self._handle_batch(messages)
                    for message, outcome in zip(messages, outcomes, strict=True):
                        self._handled.labels(message.topic(), outcome).inc()
                    consumer.commit(asynchronous=False)
                self._forget_old_ids()
                fault.require_brokers(consumer)
                self.health = Health(ready=True, detail="consuming")
        finally:
            consumer.close()

    def _forget_old_ids(self) -> None:
        """Delete old ids of events when it is time, a few at once, between the messages."""
        if time.monotonic() < self._forget_at:
            return
        self._forget_at = time.monotonic() + self._forget_every_s
        kept = timedelta(days=self._settings.seen_events_days)
        with self._database.transaction() as connection:
            forgotten = self._seen.forget(connection, kept, at_most=_FORGET_AT_ONCE)
        if forgotten == _FORGET_AT_ONCE:
            self._forget_at = 0

    def _handle_batch(self, messages: Sequence[Message]) -> list[str]:
        """Handle messages in one transaction; if a value is refused, each in its own."""
        try:
            with self._database.transaction() as connection:
                return [self._handle(connection, message) for message in messages]
        except _REFUSED:
            return [self._handle_alone(message) for message in messages]

    def _handle_alone(self, message: Message) -> str:
        """Handle a message, or set it aside if it has a value that is refused."""
        try:
            with self._database.transaction() as connection:
                return self._handle(connection, message)
        except _REFUSED as refused:
            with self._database.transaction() as connection:
                self._set_aside(connection, message, str(refused))
            return "unreadable"

    def _handle(self, connection: Connection, message: Message) -> str:
        """Give a message its effect, unless it is a copy or cannot be read; return the outcome."""
        if (error := message.error()) is not None:
            raise KafkaException(error)
        topic = str(message.topic())
        try:
            envelope = read(topic, message.value(), message.headers())
        except MessageError as unreadable:
            self._set_aside(connection, message, str(unreadable))
            return "unreadable"
        with traced(f"process {topic}", SpanKind.CONSUMER, envelope.traceparent):
            if not self._seen.add(connection, envelope.event_id):
                return "copy"
            self._handlers[topic](connection, envelope)
            return "handled"

    def _set_aside(self, connection: Connection, message: Message, reason: str) -> None:
        """Store an unreadable message, for people to look at. The other messages go on."""
        place = (message.topic(), message.partition(), message.offset())
        self._log.error("unreadable message", place=place, reason=reason)
        # The reason may quote what no text of the database can hold.
        words = reason.encode("utf-8", "backslashreplace").decode().replace("\x00", r"\x00")
        connection.execute(
            'INSERT INTO unreadable_messages (topic, partition, "offset", reason, key, value)'
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (*place, words, message.key(), message.value()),
        )
