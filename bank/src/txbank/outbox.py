"""The transactional outbox: a message commits with the change that it reports, and is sent later.

Messages are sent at least once, and in order for each account. None is lost: a message is deleted
only after all in-sync replicas have it. After a fault it is sent again with the same event id.
"""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from confluent_kafka import KafkaError, Message, Producer
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry, Counter, Gauge
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from txbank.database import Connection, Database
from txbank.errors import TxBankError
from txbank.kafka import ReportedFault, client_config
from txbank.part import Health, retry_faults
from txbank.settings import CommonSettings
from txbank.tracing import note_span, traceparent
from txplatform_client.kafka import build
from txplatform_client.kafka.records import Message as Body

_ACCOUNT, _LEADER = 0x7478_626F, 0x7478_6262
"""First numbers of two advisory locks: that of an account's messages, and the leader lock."""

_BATCH = 1000
_IDLE_S = 0.05
"""The pause before an empty outbox is read again."""
_POLL_S = 0.25
_DELIVERY_TIMEOUT_S = 15
_FROZEN_S = 30
"""The time after which the server ends the session of a leader that is frozen."""


class DeliveryError(TxBankError):
    """Some messages may not have been stored by the brokers; they are sent again."""


def add(connection: Connection, message: Body) -> None:
    """Add a message to the transaction of `connection`.

    The lock of the account is held until after the commit. So the ids of its messages are in the
    order of the commits, and the publisher never sees one of them before another with a lower id.
    """
    connection.execute(
        "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_ACCOUNT, message.account_id)
    )
    source, _, _ = message.TOPIC.partition(".")
    record = build(message, source=f"/{source}", traceparent=traceparent())
    headers = {name: value.decode() for name, value in record.headers}
    connection.execute(
        "INSERT INTO outbox (topic, key, value, headers) VALUES (%s, %s, %s, %s)",
        (record.topic, record.key, record.value, Jsonb(headers)),
    )


class Publisher:
    """Sends one service's outbox to Kafka. If several processes run, only the leader sends."""

    def __init__(
        self,
        service: str,
        database: Database,
        settings: CommonSettings,
        registry: CollectorRegistry,
    ) -> None:
        self.name = f"{service} outbox"
        self.health = Health(ready=True, detail="starting")
        self._database = database
        self._settings = settings
        self._published = Counter(
            "txbank_outbox_published", "Messages that the brokers acknowledged.", registry=registry
        )
        self._age = Gauge(
            "txbank_outbox_oldest_seconds", "Age of the oldest waiting message.", registry=registry
        )

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set, through faults of the database and the brokers."""
        retry_faults(self, self._lead, stop)

    def _lead(self, stop: threading.Event) -> None:
        # The session that has the lock also reads the messages. If the server ends the session,
        # another process becomes the leader, and this one can read no more.
        with self._database.connect() as connection:
            connection.execute(f"SET idle_session_timeout = '{_FROZEN_S}s'")
            while not _try_to_lead(connection):
                self.health = Health(ready=True, detail="another process publishes")
                if stop.wait(1):
                    return
            fault = ReportedFault()
            producer = _producer(self._settings, fault)
            try:
                while not stop.is_set():
                    rows = connection.execute(
                        "SELECT * FROM outbox ORDER BY id LIMIT %s", (_BATCH,)
                    ).fetchall()
                    self._age.set(_age_s(rows))
                    if rows:
                        began_ns = time.time_ns()
                        _deliver(producer, rows, stop, fault)
                        ids = [row["id"] for row in rows]
                        connection.execute("DELETE FROM outbox WHERE id = ANY(%s)", (ids,))
                        self._published.inc(len(rows))
                        for row in rows:
                            given = row["headers"]["traceparent"]
                            note_span(f"publish {row['topic']}", SpanKind.PRODUCER, given, began_ns)
                    else:
                        stop.wait(_IDLE_S)
                    self.health = Health(ready=True, detail="publishing")
            finally:
                # What was not acknowledged is still in the outbox.
                producer.purge()


def _try_to_lead(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, 0) AS leads", (_LEADER,)).fetchone()
    return row is not None and bool(row["leads"])


def _age_s(rows: Sequence[DictRow]) -> float:
    return (datetime.now(UTC) - rows[0]["created_at"]).total_seconds() if rows else 0


def _deliver(
    producer: Producer, rows: Sequence[DictRow], stop: threading.Event, fault: ReportedFault
) -> None:
    """Send messages in order, and wait until all in-sync replicas have them.

    Raises:
        DeliveryError: The brokers refused a message, or did not acknowledge all in time.
    """
    failures: list[KafkaError] = []

    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    for row in rows:
        producer.produce(
            row["topic"], row["value"], row["key"], headers=row["headers"], on_delivery=note
        )
    waited_s = 0.0
    while (left := producer.flush(_POLL_S)) and not failures:
        waited_s += _POLL_S
        if waited_s > _DELIVERY_TIMEOUT_S or stop.is_set():
            raise DeliveryError(f"{left} messages were not acknowledged in time.", why=fault.cause)
    if failures:
        raise DeliveryError("A message was refused.", why=f"{failures[0]}.")


def _producer(settings: CommonSettings, fault: ReportedFault) -> Producer:
    """Return a producer that keeps the order, and stops at the first message that fails."""
    return Producer(
        {
            **client_config(settings, fault),
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "acks": "all",
            "max.in.flight.requests.per.connection": 1,
            "message.timeout.ms": 0,
            # The default partitioner of Java clients, so that consumers can join topics by account.
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 5,
        }
    )
