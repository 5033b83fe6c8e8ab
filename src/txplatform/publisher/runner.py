"""The part of a worker that publishes every feed."""

from prometheus_client import CollectorRegistry

from txplatform.database import Database
from txplatform.following.side_by_side import SideBySide
from txplatform.publisher.event_feed import EventFeed
from txplatform.publisher.feed import Feed
from txplatform.publisher.feed_publisher import FeedPublisher
from txplatform.publisher.metrics import PublisherMetrics
from txplatform.publisher.parked_messages import ParkedMessages
from txplatform.publisher.rejected_messages import RejectedMessages
from txplatform.settings import Settings

FEEDS: tuple[type[Feed], ...] = (EventFeed, ParkedMessages, RejectedMessages)


class Publisher(SideBySide):
    """Publishes all feeds in parallel, each with its own connection and producer."""

    def __init__(self, settings: Settings, database: Database, registry: CollectorRegistry) -> None:
        metrics = PublisherMetrics(registry)
        super().__init__(
            "publisher", [FeedPublisher(feed(), settings, database, metrics) for feed in FEEDS]
        )
