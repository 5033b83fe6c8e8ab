"""The publisher: reads ordered feeds from the database and sends them to Kafka.

To publish another kind of event, write its body (`contracts/outbound_lifecycle.py`), define its
topic in `lifecycle_topics.py`, and list it here. One feed publishes all of these topics in the
order of the log, so `log_position` orders an account's messages across topics. Dead letters have
feeds of their own.
"""

from __future__ import annotations

from txplatform.publisher.lifecycle_topics import (
    HOLD_EXPIRED,
    TRANSACTION_CLEARED,
    TRANSACTION_REFUNDED,
    TRANSACTION_REVERSED,
)
from txplatform.publisher.topic import OutboundTopic
from txplatform.publisher.transaction_decisioned import TRANSACTION_DECISIONED

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
"""The topics of events, by name."""
