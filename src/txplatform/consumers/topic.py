"""One inbound topic: the body of its messages, and the command that a body asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, Self, TypeVar

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
        values_of = attrgetter(*command.__struct_fields__)

        def to_command(message: Body) -> Any:
            return command(*values_of(message))

        return cls(body, to_command)

    @property
    def name(self) -> str:
        """The topic, and the CloudEvents type of its messages."""
        return self.body.TOPIC
