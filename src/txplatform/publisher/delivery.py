"""Sends records in order, and waits until the brokers have acknowledged all of them.

Consumers detect duplicates by log position, so an account's records must stay in order even if some
are sent again. To ensure this, the records sent are always a prefix of the batch: only one request
per broker is in flight, no message times out, and a failed producer is discarded.
"""

import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from txplatform.errors import TxPlatformError
from txplatform.kafka import (
    CHECK_SETTINGS,
    ClientConfig,
    ReportedCauses,
    client_config,
    is_forbidden,
    missing_right,
    start_client,
)
from txplatform.publisher.feed import Batch
from txplatform.settings import Settings

DELIVERY_TIMEOUT_S = 15
"""The longest time to wait for the next acknowledgement of a batch.

With a limit for the whole batch, the same batch would be sent to a slow broker again and again.
"""

_METADATA_TIMEOUT_S = 5
_DIAGNOSIS_TIMEOUT_S = 2
_POLL_S = 0.25

_MISSING = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001  # no public name
    KafkaError.LEADER_NOT_AVAILABLE,
)


def producer_config(settings: Settings, causes: ReportedCauses) -> ClientConfig:
    """Return the configuration of a producer that neither loses nor reorders records."""
    return {
        **client_config(settings, causes),
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "acks": "all",
        "max.in.flight.requests.per.connection": 1,
        "message.timeout.ms": 0,
        "reconnect.backoff.max.ms": 1000,
        # The default partitioner of Java clients, so that consumers can join topics by account.
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        # Well below any size limit that a topic is likely to have.
        "batch.size": 131_072,
        # The broker rejects records that are too large, not the client.
        "message.max.bytes": 100_000_000,
        "log_level": 3,  # errors; a warning says that the gapless guarantee is experimental
    }


_FATAL = (KafkaException, SystemError)
"""Exceptions that the client raises after a fatal error, for example after a refused record.

If an exception from a callback is still set at that time, Python raises a SystemError instead.
"""


class DeliveryError(TxPlatformError):
    """Some records may not have been stored; they have to be sent again."""


_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)  # noqa: SLF001
"""The errors of records that the client dropped after another record was refused."""


class _Failures:
    """Keeps the first failure that is a cause. A callback in `Delivery` would create a cycle."""

    def __init__(self) -> None:
        self.first: KafkaError | None = None
        self.topic = ""

    def take(self, error: KafkaError, message: Message) -> None:
        if self.first is None or (self.first.code() in _PURGED and error.code() not in _PURGED):
            self.first, self.topic = error, message.topic() or ""


class Delivery:
    """A Kafka producer that is used until its first failure."""

    def __init__(
        self,
        settings: Settings,
        *,
        make_producer: Callable[..., Producer] = Producer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._causes = ReportedCauses()
        self._failures = _Failures()
        self._topics_seen: set[str] = set()
        self._topics_sent: Collection[str] = ()
        self._producer = start_client(
            make_producer,
            {
                **producer_config(settings, self._causes),
                "on_delivery": self._failures.take,
                # If no failure was reported and nothing is outstanding, everything is stored.
                "delivery.report.only.error": True,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Purging breaks the gapless guarantee. That no longer matters: the batch is sent again.
        with suppress(*_FATAL):
            self._producer.purge(in_queue=True, in_flight=True)
        with suppress(*_FATAL):
            self._producer.close()
        del self._producer  # ends its threads; nothing else refers to it

    def require_topics(self, topics: Iterable[str]) -> None:
        """Check that the topics exist.

        Raises:
            DeliveryError: The brokers do not respond, or a topic is missing or unusable.
        """
        if self._topics_seen.issuperset(topics):
            return
        # One request for all: a slow broker would take longer for each topic than a leader's
        # session may be silent.
        errors = self._look_up()
        self._topics_seen.update(topic for topic, error in errors.items() if error is None)
        for topic in set(topics) - self._topics_seen:
            problem = self._look_up(topic)[topic]
            if problem is None:
                self._topics_seen.add(topic)
                continue
            if problem.code() in _MISSING:
                raise DeliveryError(
                    f"The topic {topic} is missing.",
                    next_step="Create it with `txplatform topics create`.",
                )
            raise DeliveryError(
                f"The topic {topic} cannot be used.", why=self._explain(problem, [topic])
            )

    def _look_up(self, topic: str | None = None) -> dict[str, KafkaError | None]:
        """Return the error of each topic by name, None for a usable one.

        Without `topic`, these are all topics that this client may see.
        """
        try:
            found = self._producer.list_topics(topic, timeout=_METADATA_TIMEOUT_S)
        except KafkaException as error:
            self._producer.poll(0)  # for the cause
            raise DeliveryError(
                f"The brokers at {self._settings.kafka_bootstrap_servers} cannot be used.",
                why=f"{self._causes.explain(error.args[0].str())}.",
                next_step=CHECK_SETTINGS,
            ) from error
        self._causes.forget()
        return {name: each.error for name, each in found.topics.items()}

    def begin(self, batch: Batch) -> None:
        """Pass the records to the client, which sends them in the background.

        Raises:
            DeliveryError: The client does not accept a record.
        """
        self.require_topics(batch.topics)
        self._topics_sent = batch.topics
        produce = self._producer.produce
        try:
            for topic, key, body, headers in batch.records:
                # The declared list type allows more kinds of values; the client only reads it.
                produce(topic, body, key, headers=headers)  # type: ignore[arg-type]
        except (KafkaException, BufferError) as error:
            raise DeliveryError("The client did not accept a record.", why=f"{error}.") from error

    def wait(self, meanwhile: Callable[[float], object], *, give_up: Callable[[], bool]) -> None:
        """Wait until all records are acknowledged.

        Args:
            meanwhile: Called about every second with the seconds since the last acknowledgement.
                An exception raised by `meanwhile` ends the wait.
            give_up: Called several times a second; the wait ends if `give_up` returns True.

        Raises:
            DeliveryError: A record failed, an acknowledgement took too long, or the wait was ended.
        """
        asked = heard = self._clock()
        before = None
        while unreported := self._flush():
            now = self._clock()
            if unreported != before:
                before, heard = unreported, now
            if now - heard > DELIVERY_TIMEOUT_S or give_up():
                raise DeliveryError(
                    f"{unreported} records were not acknowledged in time.",
                    why=f"{self.silence()}.",
                    next_step="The records are sent again.",
                )
            if now - asked > 1:
                asked = now
                meanwhile(now - heard)

    def silence(self) -> str:
        """Return why the brokers may not acknowledge the records."""
        brokers = self._settings.kafka_bootstrap_servers
        try:
            found = self._producer.list_topics(timeout=_DIAGNOSIS_TIMEOUT_S).topics
        except KafkaException as error:
            reason = self._causes.explain(error.args[0].str())
            return f"the brokers at {brokers} do not respond: {reason}"
        few = [
            f"{topic}[{number}] has {len(partition.isrs)} of {len(partition.replicas)}"
            for topic in self._topics_sent
            if topic in found
            for number, partition in found[topic].partitions.items()
            if len(partition.isrs) < len(partition.replicas)
        ]
        if few:
            more = f" and {len(few) - 1} more partitions" if len(few) > 1 else ""
            return (
                f"too few replicas may be in sync for min.insync.replicas: {few[0]}{more}; start"
                " the brokers that are away"
            )
        return self._causes.explain(f"the brokers at {brokers} are slow")

    def _explain(self, error: KafkaError, topics: Iterable[str]) -> str:
        """Return the cause of a refusal in sentences, with the missing right if one is missing."""
        if is_forbidden(error):
            # An idempotent producer needs no right on the cluster if it may write to a topic.
            return missing_right(self._settings, "Write", "topic", sorted(topics))
        return f"{error.str()}."

    def _flush(self) -> int:
        """Wait briefly for acknowledgements; return the number of unacknowledged records."""
        try:
            unreported = self._producer.flush(_POLL_S)
        except _FATAL as error:
            raise self._refused(self._failures.first or error.__cause__ or error) from error
        if self._failures.first is not None:
            raise self._refused(self._failures.first)
        return unreported

    def _refused(self, failure: BaseException | KafkaError) -> DeliveryError:
        topic = self._failures.topic
        if isinstance(failure, KafkaException):
            failure = failure.args[0]
        if not isinstance(failure, KafkaError):
            why = f"{failure}."
        elif failure.code() in _PURGED:  # because of another record, which is not known yet
            topic, why = "", f"{self._causes.explain(failure.str())}."
        else:
            why = self._explain(failure, [topic] if topic else self._topics_sent)
        return DeliveryError(
            f"A record for {topic} was refused." if topic else "A record was refused.",
            why=why,
            next_step="It will be sent again. If this persists, check the topic's limits.",
        )
