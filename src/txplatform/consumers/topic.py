"""One inbound topic: its name, its body, and the commands that its messages ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from operator import attrgetter
from typing import Any, Generic, Self, TypeVar

from txplatform.contracts.messages import MessageBody
from txplatform.domain.commands import Command

Body = TypeVar("Body", bound=MessageBody)


@dataclass(frozen=True, slots=True)
class InboundTopic(Generic[Body]):
    """A topic that we read.

    Attributes:
        name: The topic, and the CloudEvents type of its messages.
        body: The model of a message's data.
        commands: The kinds of command that its messages ask for.
        to_command: Gives the command that a body asks for; the command's first key is its
            business key.
    """

    name: str
    body: type[Body]
    commands: tuple[type[Command], ...]
    to_command: Callable[[Body], Command]

    @classmethod
    def of(cls, name: str, body: type[Body], command: type[Command]) -> Self:
        """A topic whose bodies have the fields of the command that they ask for."""
        values_of = attrgetter(*signature(command).parameters)

        def to_command(message: Body) -> Any:
            return command(*values_of(message))

        return cls(name, body, (command,), to_command)
