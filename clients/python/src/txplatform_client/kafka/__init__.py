"""Kafka: the messages of all topics, their records, and the detection of copies.

A `Record` can be sent with any Kafka library, and `read` takes the messages of any Kafka library.
"""

from txplatform_client.kafka.inbound import (
    AccountOpened,
    AccountStatusChanged,
    CreditLimitChanged,
    PaymentReturned,
    PaymentSubmitted,
    PresentmentReceived,
)
from txplatform_client.kafka.outbound import (
    AuthorizationIncremented,
    HoldExpired,
    OpeningApplied,
    PaymentApplied,
    PaymentReturnApplied,
    TransactionCleared,
    TransactionDecisioned,
    TransactionRefunded,
    TransactionReversed,
)
from txplatform_client.kafka.records import TOPICS, Envelope, Message, Record, build, read
from txplatform_client.kafka.seen_events import SeenEvents

__all__ = [
    "TOPICS",
    "AccountOpened",
    "AccountStatusChanged",
    "AuthorizationIncremented",
    "CreditLimitChanged",
    "Envelope",
    "HoldExpired",
    "Message",
    "OpeningApplied",
    "PaymentApplied",
    "PaymentReturnApplied",
    "PaymentReturned",
    "PaymentSubmitted",
    "PresentmentReceived",
    "Record",
    "SeenEvents",
    "TransactionCleared",
    "TransactionDecisioned",
    "TransactionRefunded",
    "TransactionReversed",
    "build",
    "read",
]
