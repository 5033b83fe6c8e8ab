"""What comes in from Kafka: one runner, one small module a topic, listed here.

To read another topic, write its body (`contracts/messages.py`) and its module, and list it.
"""

from __future__ import annotations

from typing import Any

from txplatform.consumers.account_opened import ACCOUNT_OPENED
from txplatform.consumers.account_status_changed import ACCOUNT_STATUS_CHANGED
from txplatform.consumers.credit_limit_changed import CREDIT_LIMIT_CHANGED
from txplatform.consumers.payment_returned import PAYMENT_RETURNED
from txplatform.consumers.payment_submitted import PAYMENT_SUBMITTED
from txplatform.consumers.presentment_received import PRESENTMENT_RECEIVED
from txplatform.consumers.topic import InboundTopic

TOPICS: dict[str, InboundTopic[Any]] = {
    topic.name: topic
    for topic in (
        ACCOUNT_OPENED,
        ACCOUNT_STATUS_CHANGED,
        CREDIT_LIMIT_CHANGED,
        PAYMENT_SUBMITTED,
        PAYMENT_RETURNED,
        PRESENTMENT_RECEIVED,
    )
}
"""The topics that are read, by name."""
