"""From the log to Kafka: one small module a topic, listed here.

To publish another kind of event, write its body (`contracts/outbound_lifecycle.py`) and its
module, and list it. All are told in the order of the log, by one feed: `log_position` orders an
account's messages across topics too. Dead letters have feeds of their own.
"""

from __future__ import annotations

from txplatform.publisher.hold_expired import HOLD_EXPIRED
from txplatform.publisher.topic import OutboundTopic
from txplatform.publisher.transaction_cleared import TRANSACTION_CLEARED
from txplatform.publisher.transaction_decisioned import TRANSACTION_DECISIONED
from txplatform.publisher.transaction_refunded import TRANSACTION_REFUNDED
from txplatform.publisher.transaction_reversed import TRANSACTION_REVERSED

TOPICS: dict[str, OutboundTopic] = {
    topic.name: topic
    for topic in (
        TRANSACTION_DECISIONED,
        TRANSACTION_CLEARED,
        TRANSACTION_REVERSED,
        TRANSACTION_REFUNDED,
        HOLD_EXPIRED,
    )
}
"""The topics that tell of events, by name."""
