"""One inbound topic: the body of its messages, and the command that a body asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from txplatform.contracts.messages import MessageBody
from txplatform.domain.commands import Command

Body = TypeVar("Body", bound=MessageBody)


@dataclass(frozen=True, slots=True)
class InboundTopic(Generic[Body]):
    """A topic that we read.

    Attributes:
        body: The model of a message's data.
        to_command: Gives the command that a body asks for.
    """

    body: type[Body]
    to_command: Callable[[Body], Command]

    @classmethod
    def of(cls, body: type[Body], command: type[Command]) -> Self:
        """A topic whose bodies have the fields of the command that they ask for."""
        return cls(body, lambda message: message.to_value(command))

    @property
    def name(self) -> str:
        """The topic, and the CloudEvents type of its messages."""
        return self.body.TOPIC
