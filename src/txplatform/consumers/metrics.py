"""The metrics of a consumer, for Prometheus."""

from collections import Counter as Counted
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from txplatform.consumers.backlog import Backlog
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.contracts.messages import INBOUND
from txplatform.inbox.alarms import CHANGES, Alarms
from txplatform.inbox.positions import PartitionKey
from txplatform.inbox.unsettled import Unsettled


class UnsettledGauges:
    """The metrics of messages without effect: their number, age and money."""

    def __init__(self, name: str, what: str, registry: CollectorRegistry) -> None:
        self._messages = Gauge(name, what, ["topic"], registry=registry)
        self._oldest = Gauge(
            f"{name}_oldest_seconds",
            "The time for which the oldest of them has been without effect.",
            ["topic"],
            registry=registry,
        )
        self._amount = Gauge(
            f"{name}_amount_minor",
            "The sum of their amounts in minor units, as far as they can be read.",
            ["topic", "currency"],
            registry=registry,
        )

    def show(self, found: Iterable[Unsettled]) -> None:
        """Report the messages without effect of all topics."""
        rows = [*found]
        for topic in INBOUND:
            of_topic = [each for each in rows if each.topic == topic]
            self._messages.labels(topic).set(sum(each.messages for each in of_topic))
            self._oldest.labels(topic).set(max((each.oldest_s for each in of_topic), default=0))
        self._amount.clear()
        for each in rows:
            if each.currency is not None:
                self._amount.labels(each.topic, each.currency).set(each.amount_minor)


class ConsumerMetrics:
    """The consumer's metrics, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._messages = Counter(
            "txplatform_inbound_messages",
            "Messages from Kafka, by outcome.",
            ["topic", "status"],
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "txplatform_inbound_batch_seconds",
            "Time from polling a batch of messages to its commit.",
            registry=registry,
        )
        self._faults = Counter(
            "txplatform_inbound_faults",
            "Pauses because of a transient fault.",
            registry=registry,
        )
        self.failed_looks = Counter(
            "txplatform_inbound_failed_looks",
            "Background checks that failed, such as for topics or alarms.",
            ["look"],
            registry=registry,
        )
        self._deferred = Gauge(
            "txplatform_inbound_deferred_messages",
            "Messages that are tried again until their account can be decided on.",
            registry=registry,
        )
        self._alarms = Gauge(
            "txplatform_inbound_alarms",
            "Parked changes of a status or a limit, which have not taken effect.",
            ["topic"],
            registry=registry,
        )
        self.on_two_accounts = Gauge(
            "txplatform_payments_on_two_accounts",
            "Payments whose id was applied on another account before, if neither was returned.",
            registry=registry,
        )
        self.waiting = UnsettledGauges(
            "txplatform_waiting_advices",
            "Advices that wait for their account's opening or for another advice.",
            registry,
        )
        self.parked = UnsettledGauges(
            "txplatform_parked_messages",
            "Messages that could not be applied and were neither retried nor discarded.",
            registry,
        )
        self._oldest = Gauge(
            "txplatform_inbound_oldest_seconds",
            "The time for which the oldest unread message of a partition has waited.",
            ["topic", "partition"],
            registry=registry,
        )
        self._lag = Gauge(
            "txplatform_inbound_lag_messages",
            "Unread messages in a partition.",
            ["topic", "partition"],
            registry=registry,
        )

    def count_batch(self, statuses: Iterable[tuple[str, MessageStatus]], took_s: float) -> None:
        """Count the messages of a batch by topic and status, and record its duration."""
        for (topic, status), messages in Counted(statuses).items():
            self._messages.labels(topic, status.value).inc(messages)
        self._batch_seconds.observe(took_s)

    def count_fault(self) -> None:
        """Count a pause because of a transient fault."""
        self._faults.inc()

    def show(self, backlogs: Mapping[PartitionKey, Backlog], deferred: int, alarms: Alarms) -> None:
        """Report the current backlogs, deferred messages and alarms."""
        self._deferred.set(deferred)
        for topic in CHANGES:
            self._alarms.labels(topic).set(alarms.counts.get(topic, 0))
        self._lag.clear()
        self._oldest.clear()
        for key, backlog in backlogs.items():
            self._lag.labels(key.topic, str(key.partition)).set(backlog.messages)
            self._oldest.labels(key.topic, str(key.partition)).set(backlog.oldest_s)
