"""Read the messages of a Mastercard IPM file (GCMS) with the library cardutil.

Files come blocked in 1014 bytes or as plain variable records (VBS), in ASCII or EBCDIC. The first
message, a header of the type 1644, shows which.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cardutil import CardutilError
from cardutil.config import config
from cardutil.iso8583 import loads
from cardutil.mciipm import VbsReader

from txplatform.importing.records import Refusal, UnusableFileError

_BLOCK = 1014
_BLOCK_END = b"\x40\x40"
_RECORD_LENGTH = 4
_MTI_OF_HEADER = "1644"
_ENCODINGS = ("latin_1", "cp500")
_HEADER, _TRAILER = (_MTI_OF_HEADER, "697"), (_MTI_OF_HEADER, "695")
"""The message type (MTI) and function code (DE 24) at the ends of a logical file."""

FORMATS = {
    **config["bit_config"],
    # Leading zeros count in a category, and a malformed date must not cost the presentment.
    "12": {"field_name": "Date and time", "field_type": "FIXED", "field_length": 12},
    "26": {"field_name": "Acceptor business code", "field_type": "FIXED", "field_length": 4},
}
"""The formats of the data elements: those of cardutil, except for two."""

Message = dict[str, Any]
"""The data elements of a message by cardutil's names, such as `DE24` and `PDS0025`."""


def read_messages(path: Path, encoding: str | None) -> Iterator[tuple[int, Message | Refusal]]:
    """Yield each message with its number, from 1; a refusal for a malformed message.

    Args:
        path: The file.
        encoding: The code page; None for ASCII or EBCDIC (cp500), as the header has it.

    Raises:
        UnusableFileError: The file is no IPM file, or is not complete: its trailer is missing, or
            states another number of messages or another sum of their amounts.
    """
    logging.getLogger("cardutil").setLevel(logging.CRITICAL)  # its log lines have card numbers
    with path.open("rb") as file:
        blocked = _is_blocked(file)
        encoding = encoding or _encoding(file, path)
        file.seek(0)
        number = 0
        ended = False
        found = _Found()
        for record in _records(file, path, blocked=blocked):
            number += 1
            message = _parsed(record, encoding, number)
            kind = _kind(message)
            if kind == _HEADER:
                found = _Found()
            found.add(message)
            ended = kind == _TRAILER
            if ended and not isinstance(message, Refusal):
                found.check(path, message)
            yield number, message
        if not ended:
            raise _incomplete(path, f"no trailer follows message {number}")


class _Found:
    """The messages of a logical file, as its trailer counts and sums them.

    Attributes:
        amount: The sum of the transaction amounts (DE 4), whatever their currencies; None after a
            malformed message, whose amount is unknown.
    """

    def __init__(self) -> None:
        self.messages = 0
        self.amount: int | None = 0

    def add(self, message: Message | Refusal) -> None:
        """Count a message."""
        self.messages += 1
        if isinstance(message, Refusal) or self.amount is None:
            self.amount = None
        else:
            self.amount += int(message.get("DE4", 0))

    def check(self, path: Path, trailer: Message) -> None:
        """Compare with the trailer's count of messages (PDS 0306) and checksum (PDS 0301)."""
        count, checksum = (trailer.get(name, "").strip() for name in ("PDS0306", "PDS0301"))
        if count.isdecimal() and int(count) != self.messages:
            raise _incomplete(
                path, f"its trailer counts {int(count)} messages, it has {self.messages}"
            )
        if self.amount is None or not checksum.isdecimal():
            return
        if int(checksum) != self.amount % 10 ** len(checksum):
            raise _incomplete(
                path,
                f"its trailer has the sum of amounts {int(checksum)}, it has {self.amount}",
            )


def _is_blocked(file: BinaryIO) -> bool:
    start = file.read(_BLOCK)
    size = file.seek(0, 2)
    return size % _BLOCK == 0 and start.endswith(_BLOCK_END)


def _encoding(file: BinaryIO, path: Path) -> str:
    file.seek(_RECORD_LENGTH)
    mti = file.read(len(_MTI_OF_HEADER))
    for encoding in _ENCODINGS:
        if mti == _MTI_OF_HEADER.encode(encoding):
            return encoding
    raise UnusableFileError(
        f"{path.name} does not begin with an IPM file header (message type 1644).",
        next_step="Check that it is a GCMS clearing file; --encoding names another code page.",
    )


def _records(file: BinaryIO, path: Path, *, blocked: bool) -> Iterator[bytes]:
    try:
        yield from VbsReader(file, blocked=blocked)
    except CardutilError as error:
        raise _incomplete(path, f"record {error.record_number} is damaged") from None


def _parsed(record: bytes, encoding: str, number: int) -> Message | Refusal:
    try:
        message: Message = loads(record, encoding=encoding, iso_config=FORMATS)
    except (CardutilError, ValueError, LookupError) as error:
        # The texts of cardutil name the data element; those of other errors may have its value.
        words = f": {error}" if isinstance(error, CardutilError) else ""
        return Refusal(number, None, "malformed_message", f"the message is malformed{words}.")
    return message


def _kind(message: Message | Refusal) -> tuple[str, str] | None:
    return None if isinstance(message, Refusal) else (message["MTI"], message.get("DE24", ""))


def _incomplete(path: Path, what: str) -> UnusableFileError:
    return UnusableFileError(
        f"{path.name} is not complete: {what}.", next_step="Get the whole file again."
    )
