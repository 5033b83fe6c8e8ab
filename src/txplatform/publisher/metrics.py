"""The metrics of the publisher."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge


class PublisherMetrics:
    """The metrics of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._published = Counter(
            "txplatform_published",
            "Records acknowledged by the broker; copies count again.",
            ["topic"],
            registry=registry,
        )
        self._lag = Gauge(
            "txplatform_publisher_lag_positions",
            "How far a feed's checkpoint is behind its end; absent if another process leads.",
            ["feed"],
            registry=registry,
        )
        self._restarts = Counter(
            "txplatform_publisher_restarts",
            "Times that a feed started again from its checkpoint after a fault.",
            ["feed"],
            registry=registry,
        )

    def published(self, topics: Mapping[str, int]) -> None:
        """Count the records published to each topic."""
        for topic, count in topics.items():
            self._published.labels(topic).inc(count)

    def lag(self, feed: str, positions: int) -> None:
        """Set the lag of a feed."""
        self._lag.labels(feed).set(positions)

    def restarted(self, feed: str) -> None:
        """Count a restart of a feed after a fault."""
        self._restarts.labels(feed).inc()

    def forget(self, feed: str) -> None:
        """Remove the lag of a feed that this process no longer publishes."""
        self._lag.labels(feed)  # creates the series if needed; removing a missing one fails
        self._lag.remove(feed)
