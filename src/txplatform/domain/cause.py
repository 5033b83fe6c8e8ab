"""The causes of events: the caller, message, person or part that gave the command.

Every event of an account and of the rule book stores its cause. `kind` is the type in JSON.
"""

from typing import NamedTuple

import msgspec


class KeyCause(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="api_key"):
    """A caller of the API.

    Attributes:
        id: The API key's id.
        name: The API key's name.
    """

    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class MessageCause(
    msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="message"
):
    """A Kafka message.

    Attributes:
        topic: The topic it was read from.
        partition: The partition of the topic.
        offset: The message's offset in the partition.
        retried: True if an operator had it applied after it was parked.
    """

    topic: str
    partition: int
    offset: int
    retried: bool = False

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


class OperatorCause(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="operator"):
    """A person at the command line, who changes the rule book.

    Attributes:
        name: The person's name, as given or as the operating system has it.
    """

    name: str

    def __str__(self) -> str:
        return self.name


class PartCause(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="part"):
    """A part of the platform.

    Attributes:
        name: The part's name, such as `hold expiry`.
    """

    name: str

    def __str__(self) -> str:
        return self.name


Cause = KeyCause | MessageCause | PartCause
"""The causes of an account's events."""


class CommandOrigin(NamedTuple):
    """The origin of a command: its cause and its trace.

    Attributes:
        traceparent: W3C Trace Context of the request or message.
    """

    cause: Cause
    traceparent: str
