"""From the log to Kafka: the outbound topics are listed here.

To publish another kind of event, write its body (`contracts/outbound.py`) and list it.
One feed publishes all of them in the order of the log, so `log_position` orders an account's
messages across topics too. Dead letters have feeds of their own.
"""

from txplatform.contracts.outbound import (
    TransactionCleared,
    TransactionDecisioned,
    TransactionHoldExpired,
    TransactionRefunded,
    TransactionReversed,
    hold_expired,
    transaction_cleared,
    transaction_decisioned,
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
from txplatform.publisher.topic import OutboundTopic
from txplatform.publisher.transaction_decisioned import DecisionTopic

_DECISIONS = (AuthorizationApproved, AuthorizationDeclined)
_CLEARINGS = (PurchaseCleared, ClearingCorrected)

TOPICS: dict[str, OutboundTopic] = {
    topic.name: topic
    for topic in (
        DecisionTopic(TransactionDecisioned, transaction_decisioned, _DECISIONS),
        OutboundTopic(TransactionCleared, transaction_cleared, _CLEARINGS),
        OutboundTopic(TransactionReversed, transaction_reversed, (AuthorizationReversed,)),
        OutboundTopic(TransactionRefunded, transaction_refunded, (PurchaseRefunded,)),
        OutboundTopic(TransactionHoldExpired, hold_expired, (HoldExpired,)),
    )
}
"""The outbound topics by name."""
