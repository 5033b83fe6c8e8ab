"""Messages from Kafka: the topics that are read, and the consumer that applies them.

To read another topic, write its body (`contracts/messages.py`) and add a line here. If the body
has other fields than its command, write a module that translates it, as `presentment_received.py`.
"""

from __future__ import annotations

from typing import Any

from txplatform.consumers.presentment_received import presentment_command
from txplatform.consumers.topic import InboundTopic
from txplatform.contracts.messages import (
    AccountOpenedMessage,
    AccountStatusChangedMessage,
    CreditLimitChangedMessage,
    PaymentReturnedMessage,
    PaymentSubmittedMessage,
    PresentmentReceivedMessage,
)
from txplatform.domain.advices import LimitChange, Payment, PaymentReturn, StatusChange
from txplatform.domain.requests import Opening

TOPICS: dict[str, InboundTopic[Any]] = {
    topic.name: topic
    for topic in (
        InboundTopic.of(AccountOpenedMessage, Opening),
        InboundTopic.of(AccountStatusChangedMessage, StatusChange),
        InboundTopic.of(CreditLimitChangedMessage, LimitChange),
        InboundTopic.of(PaymentSubmittedMessage, Payment),
        InboundTopic.of(PaymentReturnedMessage, PaymentReturn),
        InboundTopic(PresentmentReceivedMessage, presentment_command),
    )
}
"""The topics that are read, by name."""
