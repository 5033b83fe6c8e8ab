"""The Kafka consumer and the topics it reads.

To add a topic, define its message body in `contracts/messages.py` and list it in `TOPICS`. If body
and command have different fields, add a module that converts them, as `presentment_received` does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from txplatform.consumers.presentment_received import presentment_command
from txplatform.contracts.messages import (
    AccountOpenedMessage,
    AccountStatusChangedMessage,
    CreditLimitChangedMessage,
    MessageBody,
    PaymentReturnedMessage,
    PaymentSubmittedMessage,
    PresentmentReceivedMessage,
)
from txplatform.domain.advices import LimitChange, Payment, PaymentReturn, StatusChange
from txplatform.domain.commands import Command
from txplatform.domain.requests import Opening

Body = TypeVar("Body", bound=MessageBody)


@dataclass(frozen=True, slots=True)
class InboundTopic(Generic[Body]):
    """A topic that the consumer reads, and the conversion of message bodies to commands."""

    body: type[Body]
    to_command: Callable[[Body], Command]

    @classmethod
    def of(cls, body: type[Body], command: type[Command]) -> Self:
        """Return a topic whose message bodies have the same fields as their commands."""
        return cls(body, lambda message: message.to_value(command))

    @property
    def name(self) -> str:
        """The name of the topic, and the CloudEvents type of its messages."""
        return self.body.TOPIC


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
"""The inbound topics by name."""
