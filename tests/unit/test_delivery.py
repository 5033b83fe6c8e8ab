"""A delivery succeeds only if every record was acknowledged and none refused (invariant I5)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from txplatform.publisher.delivery import DELIVERY_TIMEOUT_S, Delivery, DeliveryError
from txplatform.settings import Settings

BEGIN = 1000.0
REFUSED = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)

Step = tuple[float, int | Exception]
"""The seconds that a flush takes, and the records left after it or the exception it raises."""


class MadeUpProducer:
    """Replaces the Kafka client. Each flush takes the next step; the last step is repeated."""

    def __init__(self, clock: SimpleNamespace) -> None:
        self._clock = clock
        self.steps: list[Step] = [(0, 0)]
        self.report: Callable[[KafkaError, Any], None]

    def __call__(self, config: dict[str, Any]) -> MadeUpProducer:
        """Return this object in place of a new client."""
        self.report = config["on_delivery"]
        return self

    def list_topics(self, **_: float) -> Any:
        """Return no topics."""
        return SimpleNamespace(topics={})

    def flush(self, _: float) -> int:
        """Take the next step."""
        seconds, came = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        self._clock.now += seconds
        assert self._clock.now < BEGIN + 1000, "the delivery waits too long"
        if isinstance(came, Exception):
            raise came
        return came


@pytest.fixture
def clock() -> SimpleNamespace:
    """The clock that the delivery reads, in seconds."""
    return SimpleNamespace(now=BEGIN)


@pytest.fixture
def producer(clock: SimpleNamespace) -> MadeUpProducer:
    """The Kafka client of the delivery."""
    return MadeUpProducer(clock)


@pytest.fixture
def delivery(producer: MadeUpProducer, clock: SimpleNamespace) -> Delivery:
    """A delivery that uses the fake client and clock."""
    settings = Settings(_env_file=None, database_url="postgresql://nowhere")
    make_producer: Any = producer
    return Delivery(settings, make_producer=make_producer, clock=lambda: clock.now)


def wait(delivery: Delivery, *, give_up: bool = False) -> list[float]:
    """Wait for the delivery, and return the waiting times that it reported."""
    reported: list[float] = []
    delivery.wait(reported.append, give_up=lambda: give_up)
    return reported


def test_a_batch_may_take_long_while_its_acknowledgements_keep_coming(
    delivery: Delivery, producer: MadeUpProducer
) -> None:
    """With a time limit for the batch, a slow broker would get the same batch again and again."""
    producer.steps = [(DELIVERY_TIMEOUT_S - 1, left) for left in range(20, -1, -1)]
    wait(delivery)


def test_a_delivery_fails_after_too_long_without_an_acknowledgement(
    delivery: Delivery, producer: MadeUpProducer, clock: SimpleNamespace
) -> None:
    """Meanwhile, the time since the last acknowledgement is reported."""
    producer.steps = [(1.5, 9), (1.5, 8)]
    reported: list[float] = []
    with pytest.raises(DeliveryError, match="8 records were not acknowledged in time"):
        delivery.wait(reported.append, give_up=lambda: False)
    assert clock.now == BEGIN + 3 + DELIVERY_TIMEOUT_S + 1.5 - DELIVERY_TIMEOUT_S % 1.5
    assert reported[:4] == [0, 0, 1.5, 3]


def test_a_publisher_that_has_to_stop_ends_the_wait(
    delivery: Delivery, producer: MadeUpProducer, clock: SimpleNamespace
) -> None:
    """The next publisher sends the records in flight again."""
    producer.steps = [(0.25, 9)]
    with pytest.raises(DeliveryError):
        wait(delivery, give_up=True)
    assert clock.now == BEGIN + 0.25


def test_a_refused_record_fails_the_delivery(delivery: Delivery, producer: MadeUpProducer) -> None:
    """A refused record is reported, so nothing is outstanding, but it was not stored."""
    producer.report(REFUSED, SimpleNamespace(topic=lambda: "a-topic"))
    producer.report(KafkaError(KafkaError._PURGE_QUEUE), None)  # noqa: SLF001  # its public name
    with pytest.raises(DeliveryError, match="A record for a-topic was refused") as failure:
        wait(delivery)
    assert failure.value.why == f"{REFUSED.str()}."


@pytest.mark.parametrize("error", [KafkaException(REFUSED), SystemError("callback")])
def test_an_error_raised_by_the_client_fails_the_delivery(
    delivery: Delivery, producer: MadeUpProducer, error: Exception
) -> None:
    """The client may or may not report the refused record."""
    producer.steps = [(0.25, 2), (0.25, error), (0.25, 0)]
    with pytest.raises(DeliveryError, match="refused"):
        wait(delivery)
