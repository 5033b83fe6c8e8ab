"""The metrics of the publisher."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class PublisherMetrics:
    """The publisher metrics of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.published = Counter(
            "txplatform_published",
            "Records acknowledged by the broker, including duplicates.",
            ["topic"],
            registry=registry,
        )
        self.lag = Gauge(
            "txplatform_publisher_lag_positions",
            "Positions from a feed's checkpoint to its end; absent if another process leads.",
            ["feed"],
            registry=registry,
        )
        self.oldest = Gauge(
            "txplatform_publisher_oldest_seconds",
            "The time for which the oldest item that a feed has not published has waited.",
            ["feed"],
            registry=registry,
        )
        self.restarts = Counter(
            "txplatform_publisher_restarts",
            "Restarts of a feed from its checkpoint after a fault.",
            ["feed"],
            registry=registry,
        )
