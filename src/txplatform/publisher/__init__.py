"""The publisher, which sends events from the log to Kafka, and the topics it writes.

To publish another kind of event, define a message body in `contracts/outbound.py` and add the topic
to `TOPICS`. A single feed publishes every topic in `TOPICS`, in log order, so `log_position` orders
an account's messages across topics too. Dead letters have their own feeds.
"""

from txplatform.contracts.outbound import (
    TransactionCleared,
    TransactionDecisioned,
    TransactionHoldExpired,
    TransactionRefunded,
    TransactionReversed,
    hold_expired,
    transaction_cleared,
    transaction_refunded,
    transaction_reversed,
)
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationReversed,
    ClearingCorrected,
    HoldExpired,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.publisher.topic import EventTopic, OutboundTopic
from txplatform.publisher.transaction_decisioned import DecisionTopic

_DECISIONS = (AuthorizationApproved, AuthorizationDeclined)
_CLEARINGS = (PurchaseCleared, ClearingCorrected)

TOPICS: dict[str, OutboundTopic] = {
    topic.name: topic
    for topic in (
        DecisionTopic(TransactionDecisioned, _DECISIONS),
        EventTopic(TransactionCleared, _CLEARINGS, transaction_cleared),
        EventTopic(TransactionReversed, (AuthorizationReversed,), transaction_reversed),
        EventTopic(TransactionRefunded, (PurchaseRefunded,), transaction_refunded),
        EventTopic(TransactionHoldExpired, (HoldExpired,), hold_expired),
    )
}
"""The outbound topics by name."""
