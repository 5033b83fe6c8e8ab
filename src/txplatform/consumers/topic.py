"""One inbound topic: its name, its body, and what it asks of an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from txplatform.contracts.messages import MessageBody
from txplatform.domain.commands import Command

Body = TypeVar("Body", bound=MessageBody)


@dataclass(frozen=True, slots=True)
class InboundTopic(Generic[Body]):
    """A topic that we read.

    Attributes:
        body: What a message's data has to be.
        to_command: What a body asks for; the command's first key is its business key.
    """

    body: type[Body]
    to_command: Callable[[Body], Command]

    @property
    def name(self) -> str:
        """The topic, and the CloudEvents type of its messages."""
        return self.body.TOPIC
