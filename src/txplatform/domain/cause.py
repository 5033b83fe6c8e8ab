"""The causes of events: the API caller, Kafka message, operator or platform part behind a command.

Every event of an account or of the rule book stores its cause. `kind` is the type in JSON.
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
        offset: The message's offset in the partition.
        retried: True if the message was parked and then retried by an operator.
    """

    topic: str
    partition: int
    offset: int
    retried: bool = False

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


class OperatorCause(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="operator"):
    """An operator who changes the rule book on the command line."""

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
    """The cause of a command, and the W3C Trace Context of the request or message."""

    cause: Cause
    traceparent: str
