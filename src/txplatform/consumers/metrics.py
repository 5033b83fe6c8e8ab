"""The metrics of a consumer, for Prometheus."""

from collections import Counter as Counted
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from txplatform.consumers.backlog import Backlog
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.inbox.alarms import CHANGES, Alarms
from txplatform.inbox.positions import PartitionKey
from txplatform.projections.waiting_advices import Waiting


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
            "Looks beside the work that failed, such as for topics or alarms.",
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
        self._waiting = Gauge(
            "txplatform_waiting_advices",
            "Advices that wait for their account's opening or for another advice.",
            registry=registry,
        )
        self._waiting_oldest = Gauge(
            "txplatform_waiting_advices_oldest_seconds",
            "The time for which the oldest waiting advice has waited.",
            registry=registry,
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

    def show_waiting(self, waiting: Waiting) -> None:
        """Report the advices that wait now."""
        self._waiting.set(waiting.advices)
        self._waiting_oldest.set(waiting.oldest_s)

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
