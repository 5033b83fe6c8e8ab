"""The publisher: all feeds side by side, each in a thread of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

from prometheus_client import CollectorRegistry

from txplatform.database import Database
from txplatform.publisher.event_feed import Outbound
from txplatform.publisher.feed import Feed
from txplatform.publisher.feed_publisher import FeedPublisher
from txplatform.publisher.metrics import PublisherMetrics
from txplatform.publisher.parked_messages import ParkedMessages
from txplatform.publisher.rejected_messages import RejectedMessages
from txplatform.settings import Settings
from txplatform.worker import Health

FEEDS: tuple[type[Feed], ...] = (Outbound, ParkedMessages, RejectedMessages)
"""Everything that is published."""


class Publisher:
    """Publishes every feed, or stands by where another process does."""

    name = "publisher"

    def __init__(self, settings: Settings, database: Database, registry: CollectorRegistry) -> None:
        metrics = PublisherMetrics(registry)
        self._feed_publishers = [
            FeedPublisher(feed(), settings, database, metrics) for feed in FEEDS
        ]

    def run(self, stop: threading.Event) -> None:
        """Publish until told to stop; an error that no retry can heal ends all feeds."""
        with ThreadPoolExecutor(
            len(self._feed_publishers), thread_name_prefix=self.name
        ) as threads:
            running = [
                threads.submit(feed_publisher.run, stop) for feed_publisher in self._feed_publishers
            ]
            try:
                for ended in as_completed(running):
                    ended.result()
            finally:
                stop.set()

    def health(self) -> Health:
        """How all feeds are doing; ready when each of them is."""
        feeds = {
            feed_publisher.name: feed_publisher.health() for feed_publisher in self._feed_publishers
        }
        return Health(
            all(health.ready for health in feeds.values()),
            "; ".join(f"{name}: {health.detail}" for name, health in feeds.items()),
            {name: health.facts for name, health in feeds.items()},
        )
