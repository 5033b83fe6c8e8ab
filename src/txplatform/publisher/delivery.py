"""Send records and wait until the broker has acknowledged every one, in order.

A reader recognises a copy by its log position, so a record must never overtake an earlier one of
its account, not even if that one fails and is sent again. The records sent are always a prefix of
the batch. Hence one request in flight for each broker, no time-out of single messages, and after
the first doubt the whole producer is discarded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from txplatform.errors import TxPlatformError
from txplatform.kafka import ClientConfig, client_config
from txplatform.publisher.feed import Batch
from txplatform.settings import Settings

DELIVERY_TIMEOUT_S = 15
"""How long to wait for the next acknowledgement of a batch.

A limit for the whole batch would send the same batch to a slow broker again and again.
"""

_METADATA_TIMEOUT_S = 5
_POLL_S = 0.25

_MISSING = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001  # the library's name for its own codes
    KafkaError.LEADER_NOT_AVAILABLE,
)


def producer_config(settings: Settings) -> ClientConfig:
    """Return the producer's configuration: no record is lost, none overtaken."""
    return {
        **client_config(settings),
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "acks": "all",
        "max.in.flight.requests.per.connection": 1,
        "message.timeout.ms": 0,
        "reconnect.backoff.max.ms": 1000,
        # As Java clients do, so that their joins find an account's messages together.
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        # Well below the smallest limit that a topic is likely to have.
        "batch.size": 131_072,
        # The broker decides what is too large, not the client.
        "message.max.bytes": 100_000_000,
        # Whoever gives up reports the failure; an outage is not a line a second.
        "log_level": 0,
    }


_FATAL = (KafkaException, SystemError)
"""Raised by the client once it cannot go on, for example because a record was refused.

Confluent's client raises it amid its other callbacks and may mix it up with their errors; Python
then raises a SystemError.
"""


class DeliveryError(TxPlatformError):
    """It is not certain that all records were stored; they have to be sent again."""


class _Failures:
    """The first failure; apart from the producer, so that neither keeps the other alive."""

    def __init__(self) -> None:
        self.first: KafkaError | None = None

    def take(self, error: KafkaError, _: Message) -> None:
        if self.first is None:
            self.first = error


class Delivery:
    """One producer, from its first record to its first doubt."""

    def __init__(
        self,
        settings: Settings,
        *,
        make_producer: Callable[..., Producer] = Producer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._brokers = settings.kafka_bootstrap_servers
        self._failures = _Failures()
        self._topics_seen: set[str] = set()
        self._producer = make_producer(
            {
                **producer_config(settings),
                "on_delivery": self._failures.take,
                # Without a failure, everything is stored once nothing is left to be reported.
                "delivery.report.only.error": True,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Purging what is in flight breaks the gapless guarantee, as intended here.
        with suppress(*_FATAL):
            self._producer.purge(in_queue=True, in_flight=True)
        with suppress(*_FATAL):
            self._producer.close()
        del self._producer  # ends its threads; nothing else refers to it

    def require_topics(self, topics: Iterable[str]) -> None:
        """Check that the topics exist.

        Raises:
            DeliveryError: The brokers do not answer, or a topic is missing.
        """
        for topic in set(topics) - self._topics_seen:
            try:
                found = self._producer.list_topics(topic, timeout=_METADATA_TIMEOUT_S)
            except KafkaException as error:
                raise DeliveryError(
                    f"The brokers at {self._brokers} cannot be used.",
                    why=f"{error.args[0].str()}.",
                    next_step="Check that they are up, and TXPLATFORM_KAFKA_*.",
                ) from error
            problem = found.topics[topic].error
            if problem is None:
                self._topics_seen.add(topic)
                continue
            if problem.code() in _MISSING:
                raise DeliveryError(
                    f"The topic {topic} is missing.",
                    next_step="Create it; docs/operations.md says with which settings.",
                )
            raise DeliveryError(
                f"The topic {topic} cannot be used.",
                why=f"{problem.str()}.",
                next_step="Check the rights of this service at the brokers.",
            )

    def begin(self, batch: Batch) -> None:
        """Hand records to the client, which sends them in the background.

        Raises:
            DeliveryError: One cannot be sent.
        """
        self.require_topics(batch.topics)
        produce = self._producer.produce
        try:
            for topic, key, body, headers in batch.records:
                # The client only reads the list, whose type would allow text too.
                produce(topic, body, key, headers=headers)  # type: ignore[arg-type]
        except (KafkaException, BufferError) as error:
            raise DeliveryError("A record was not taken by the client.", why=f"{error}.") from error

    def wait(self, meanwhile: Callable[[float], object], *, give_up: Callable[[], bool]) -> None:
        """Return once everything handed over is acknowledged.

        Args:
            meanwhile: Called about every second with the seconds since the last acknowledgement.
                An exception from it ends the wait.
            give_up: Called now and then; True ends the wait early.

        Raises:
            DeliveryError: Something failed or took too long.
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
                    why=f"The brokers at {self._brokers} do not answer.",
                    next_step="Get the brokers up; all is sent again then.",
                )
            if now - asked > 1:
                asked = now
                meanwhile(now - heard)

    def _flush(self) -> int:
        """Wait a moment for reports; return how many are still missing."""
        try:
            unreported = self._producer.flush(_POLL_S)
        except _FATAL as error:
            raise _refused(self._failures.first or error.__cause__ or error) from error
        if self._failures.first is not None:
            raise _refused(self._failures.first)
        return unreported


def _refused(failure: object) -> DeliveryError:
    return DeliveryError(
        "A record was refused.",
        why=f"{failure}.",
        next_step="It is sent again; if this stays, check the topic's limits and rights.",
    )
