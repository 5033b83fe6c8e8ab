"""When a delivery counts as made: every record acknowledged, and none refused (I5)."""

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
"""How many seconds a wait takes, and how many records are unreported then."""


class MadeUpProducer:
    """In the place of the client: each flush goes as a test says, the last one again and again."""

    def __init__(self, clock: SimpleNamespace) -> None:
        self._clock = clock
        self.steps: list[Step] = [(0, 0)]
        self.report: Callable[[KafkaError, Any], None]

    def __call__(self, config: dict[str, Any]) -> MadeUpProducer:
        """As the client's class does it."""
        self.report = config["on_delivery"]
        return self

    def flush(self, _: float) -> int:
        """Wait for reports."""
        seconds, came = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        self._clock.now += seconds
        assert self._clock.now < BEGIN + 1000, "nobody waits that long"
        if isinstance(came, Exception):
            raise came
        return came


@pytest.fixture
def clock() -> SimpleNamespace:
    """The seconds that deliveries see."""
    return SimpleNamespace(now=BEGIN)


@pytest.fixture
def producer(clock: SimpleNamespace) -> MadeUpProducer:
    """The client of the delivery."""
    return MadeUpProducer(clock)


@pytest.fixture
def delivery(producer: MadeUpProducer, clock: SimpleNamespace) -> Delivery:
    """A delivery whose records were handed over."""
    settings = Settings(_env_file=None, database_url="postgresql://nowhere")
    make_producer: Any = producer
    return Delivery(settings, make_producer=make_producer, clock=lambda: clock.now)


def wait(delivery: Delivery, *, give_up: bool = False) -> list[float]:
    """Wait for it; gives what was told meanwhile."""
    told: list[float] = []
    delivery.wait(told.append, give_up=lambda: give_up)
    return told


def test_a_batch_may_take_as_long_as_its_acknowledgements_keep_coming(
    delivery: Delivery, producer: MadeUpProducer
) -> None:
    """Given up, a slow broker would be sent the same batch for ever."""
    producer.steps = [(DELIVERY_TIMEOUT_S - 1, left) for left in range(20, -1, -1)]
    wait(delivery)


def test_a_broker_that_acknowledges_nothing_more_is_given_up(
    delivery: Delivery, producer: MadeUpProducer, clock: SimpleNamespace
) -> None:
    """Counted from the last acknowledgement; meanwhile it is told how long ago that was."""
    producer.steps = [(1.5, 9), (1.5, 8)]
    told: list[float] = []
    with pytest.raises(DeliveryError, match="8 records were not acknowledged in time"):
        delivery.wait(told.append, give_up=lambda: False)
    assert clock.now == BEGIN + 3 + DELIVERY_TIMEOUT_S + 1.5 - DELIVERY_TIMEOUT_S % 1.5
    assert told[:4] == [0, 0, 1.5, 3]


def test_who_is_to_stop_gives_up_early(
    delivery: Delivery, producer: MadeUpProducer, clock: SimpleNamespace
) -> None:
    """What is in flight then is sent again by whoever publishes next."""
    producer.steps = [(0.25, 9)]
    with pytest.raises(DeliveryError):
        wait(delivery, give_up=True)
    assert clock.now == BEGIN + 0.25


def test_a_refused_record_is_never_passed_over(
    delivery: Delivery, producer: MadeUpProducer
) -> None:
    """It was reported, so nothing is left to be reported: all the same it was not stored."""
    producer.report(REFUSED, None)
    producer.report(KafkaError(KafkaError._PURGE_QUEUE), None)  # noqa: SLF001  # its public name
    with pytest.raises(DeliveryError, match="refused") as failure:
        wait(delivery)
    assert str(REFUSED) in failure.value.why


@pytest.mark.parametrize("error", [KafkaException(REFUSED), SystemError("callback")])
def test_what_the_client_raises_is_a_doubt_too(
    delivery: Delivery, producer: MadeUpProducer, error: Exception
) -> None:
    """Whether or not it is told what was refused."""
    producer.steps = [(0.25, 2), (0.25, error), (0.25, 0)]
    with pytest.raises(DeliveryError, match="refused"):
        wait(delivery)
