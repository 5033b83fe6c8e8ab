"""The consumer of messages from Kafka, and the topics that it reads.

To add a topic, write its body in `contracts/messages.py` and add a line below. If the body's fields
differ from the command's, write a module that translates it, such as `presentment_received.py`.
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
    """A topic that the consumer reads.

    Attributes:
        body: The model of a message's data.
        to_command: Returns the command that a body asks for.
    """

    body: type[Body]
    to_command: Callable[[Body], Command]

    @classmethod
    def of(cls, body: type[Body], command: type[Command]) -> Self:
        """Return a topic whose bodies have the fields of their command."""
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
"""By name."""
