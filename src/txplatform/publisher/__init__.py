"""From the log to Kafka: one small module a topic, listed here.

To publish another kind of event, write its body (`contracts/outbound.py`) and its module, and
list it. Dead letters have feeds of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.publisher.transaction_decisioned import TRANSACTION_DECISIONED

if TYPE_CHECKING:
    from txplatform.publisher.topic import OutboundTopic

TOPICS: dict[str, OutboundTopic] = {topic.name: topic for topic in (TRANSACTION_DECISIONED,)}
"""The topics that tell of events, by name."""
