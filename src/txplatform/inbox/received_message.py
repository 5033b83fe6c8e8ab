"""A message as Kafka gave it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

Headers = tuple[tuple[str, "bytes | None"], ...]

UNREADABLE_HEADERS: Headers = (("\N{REPLACEMENT CHARACTER}", None),)
"""Stand for headers that the client cannot give."""


class ReceivedMessage(NamedTuple):
    """One message as Kafka gave it.

    Attributes:
        topic_id: The broker's id of the topic; empty if it has none.
        sent_at: The message's own timestamp, UTC; None if it has none.
        body: None for a tombstone.
    """

    cluster_id: str
    topic: str
    topic_id: str
    partition: int
    offset: int
    sent_at: datetime | None
    key: bytes | None
    headers: Headers
    body: bytes | None

    @property
    def content_sha256(self) -> bytes:
        """The hash of the body: with topic and key it identifies the message's contents."""
        return hashlib.sha256(self.body or b"").digest()
