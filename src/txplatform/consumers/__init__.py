"""Messages from Kafka: the topics that are read, and the consumer that applies them.

To read another topic, write its body (`contracts/messages.py`) and add a line here. If the body
has other fields than its command, write a module that translates it, as `presentment_received.py`.
"""

from __future__ import annotations

from typing import Any

from txplatform.consumers.presentment_received import PRESENTMENT_RECEIVED
from txplatform.consumers.topic import InboundTopic
from txplatform.contracts.messages import (
    AccountOpenedMessage,
    AccountStatusChangedMessage,
    CreditLimitChangedMessage,
    PaymentReturnedMessage,
    PaymentSubmittedMessage,
)
from txplatform.domain.advices import LimitChange, Payment, PaymentReturn, StatusChange
from txplatform.domain.requests import Opening

TOPICS: dict[str, InboundTopic[Any]] = {
    topic.name: topic
    for topic in (
        InboundTopic.of("accounts.account-opened.v1", AccountOpenedMessage, Opening),
        InboundTopic.of(
            "accounts.account-status-changed.v1", AccountStatusChangedMessage, StatusChange
        ),
        InboundTopic.of("accounts.credit-limit-changed.v1", CreditLimitChangedMessage, LimitChange),
        InboundTopic.of("payments.payment-submitted.v1", PaymentSubmittedMessage, Payment),
        InboundTopic.of("payments.payment-returned.v1", PaymentReturnedMessage, PaymentReturn),
        PRESENTMENT_RECEIVED,
    )
}
"""The topics that are read, by name."""
