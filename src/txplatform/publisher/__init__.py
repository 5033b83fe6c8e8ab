"""The publisher, which sends events from the log to Kafka, and the topics it writes.

To publish another kind of event, define a message body in `contracts/outbound.py` or
`contracts/outbound_accounts.py`, and add the topic to `TOPICS`. A single feed publishes every topic
in `TOPICS`, in log order, so `log_position` orders an account's messages across topics too. Dead
letters have their own feeds.
"""

from txplatform.contracts.outbound import (
    AuthorizationIncrement,
    TransactionCleared,
    TransactionDecisioned,
    TransactionHoldExpired,
    TransactionRefunded,
    TransactionReversed,
    authorization_increment,
    hold_expired,
    transaction_cleared,
    transaction_refunded,
    transaction_reversed,
)
from txplatform.contracts.outbound_accounts import (
    AccountOpening,
    PaymentApplied,
    ReturnedPayment,
    account_opening,
    payment_applied,
    returned_payment,
)
from txplatform.domain.events import (
    AccountOpened,
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    HoldExpired,
    IncrementDeclined,
    PaymentReceived,
    PaymentReturned,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.publisher.topic import EventTopic, OutboundTopic
from txplatform.publisher.transaction_decisioned import DecisionTopic

_DECISIONS = (AuthorizationApproved, AuthorizationDeclined)
_INCREMENTS = (AuthorizationIncremented, IncrementDeclined)
_CLEARINGS = (PurchaseCleared, ClearingCorrected)

TOPICS: dict[str, OutboundTopic] = {
    topic.name: topic
    for topic in (
        DecisionTopic(TransactionDecisioned, _DECISIONS),
        EventTopic(AuthorizationIncrement, _INCREMENTS, authorization_increment),
        EventTopic(TransactionCleared, _CLEARINGS, transaction_cleared),
        EventTopic(TransactionReversed, (AuthorizationReversed,), transaction_reversed),
        EventTopic(TransactionRefunded, (PurchaseRefunded,), transaction_refunded),
        EventTopic(TransactionHoldExpired, (HoldExpired,), hold_expired),
        EventTopic(AccountOpening, (AccountOpened,), account_opening),
        EventTopic(PaymentApplied, (PaymentReceived,), payment_applied),
        EventTopic(ReturnedPayment, (PaymentReturned,), returned_payment),
    )
}
"""The outbound topics by name."""
