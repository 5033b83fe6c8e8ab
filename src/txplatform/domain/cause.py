"""The cause of an event: an API caller, a Kafka message, an operator or a platform component.

Every event of an account or of the rule book stores its cause. In JSON, `kind` is the cause's type.
"""

from typing import NamedTuple

import msgspec


class KeyCause(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="api_key"):
    """An API caller, identified by an API key.

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
        topic: The name of the Kafka topic.
        partition: The number of the partition.
        offset: The message's offset in the partition.
        retried: True if the message was parked or deferred, and then retried.
    """

    topic: str
    partition: int
    offset: int
    retried: bool = False

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


class OperatorCause(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="operator"):
    """An operator on the command line, who changes the rule book or resolves a message."""

    name: str

    def __str__(self) -> str:
        return self.name


class PartCause(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="part"):
    """A platform component.

    Attributes:
        name: The component's name, such as `hold expiry`.
    """

    name: str

    def __str__(self) -> str:
        return self.name


Cause = KeyCause | MessageCause | PartCause
"""The causes of an account's events."""


class CommandOrigin(NamedTuple):
    """A command's cause and W3C Trace Context."""

    cause: Cause
    traceparent: str
    tracestate: str = ""
