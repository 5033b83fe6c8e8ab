"""The records that a file yields, and the outcome of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from txplatform.errors import TxPlatformError


class UnusableFileError(TxPlatformError):
    """Raised if a file cannot be read as a whole. Nothing of it has been sent."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A message or settlement item to send.

    Attributes:
        line: The line in the file, from 1; in an IPM file the number of the record.
        topic: The Kafka topic; None for an item of `POST /v1/clearings`.
        body: The body as the contract defines it.
        from_position: True if the file has no reference for the record, so that its id comes from
            its position in the statement.
    """

    line: int
    topic: str | None
    body: dict[str, Any]
    from_position: bool = False

    @property
    def id_field(self) -> str:
        """The name of the field with the business id."""
        return "clearing_id" if self.topic is None else "payment_id"

    @property
    def business_id(self) -> str:
        """The id that makes the record unique within its account."""
        return str(self.body.get(self.id_field))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that cannot be sent as it stands, for a person to settle.

    Attributes:
        field: The field in the words of the file or of the contract; None for a whole record.
        reason: A stable code.
        detail: The reason in a sentence.
    """

    line: int
    field: str | None
    reason: str
    detail: str


class UnclearRecordError(ValueError):
    """Raised if a record that is being read needs a person.

    Args:
        field: The field in the words of the file.
        reason: A stable code.
        detail: The reason in a sentence.
    """

    def __init__(self, field: str, reason: str, detail: str) -> None:
        super().__init__(detail)
        self._field = field
        self._reason = reason

    def refusal(self, line: int, within: str = "") -> Refusal:
        """Return the refusal of the record at this line; `within` leads to the field."""
        return Refusal(line, within + self._field, self._reason, str(self))


@dataclass(frozen=True, slots=True)
class Skip:
    """A record that is not meant for the platform, such as a fee of the bank.

    Attributes:
        why: The kind of record, for counting.
    """

    line: int
    why: str


Read = FileRecord | Refusal | Skip

Reader = Callable[[], Iterator[Read]]
"""Starts to read a file from its beginning.

The iterator raises UnusableFileError if the file is damaged.
"""

Result = Literal["taken", "repeated", "waiting", "ignored", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """The result for a record on the platform.

    Attributes:
        result: `taken`: applied now. `repeated`: applied before. `waiting`: recorded, and applied
            when its account, payment or original becomes known. `ignored`: has no effect by
            definition. `refused`: parked or bad. `unknown`: not confirmed in time, or deferred.
        detail: The reason in a sentence. For a repeated record, the fields that differ from the
            first copy.
    """

    record: FileRecord
    result: Result
    field: str | None = None
    reason: str | None = None
    detail: str | None = None
    flags: tuple[str, ...] = ()
