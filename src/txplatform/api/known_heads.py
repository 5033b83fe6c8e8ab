"""Recognize request heads that were parsed before, since a client repeats its heads.

A head is a request without its body. Parsing depends only on the bytes of the head, so a head that
was once a plain purchase's is one whenever it comes again, and need not be parsed.
"""

from hashlib import sha256
from typing import NamedTuple

_END = b"\r\n\r\n"
_MAX_HEADS = 1000


class KnownHead(NamedTuple):
    """The parsed head of a plain purchase.

    Attributes:
        body_length: The number of bytes in the body.
        credentials: The `header_digest` of the Authorization header.
    """

    body_length: int
    credentials: bytes


class KnownHeads:
    """The last heads that were parsed, by their SHA-256, since a head has an API key."""

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}

    def split(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """Return the head and the body if the data are one request with a known head, else None."""
        head, end, body = data.partition(_END)
        known = self._heads.get(sha256(head).digest()) if end else None
        if known is None or len(body) != known.body_length:
            return None
        return known, body

    def learn(self, data: bytes, known: KnownHead) -> None:
        """Remember the head of a request that was parsed; `data` may have other requests too."""
        head, end, body = data.partition(_END)
        if not end or len(body) != known.body_length:  # the data are not exactly this request
            return
        if len(self._heads) == _MAX_HEADS:
            del self._heads[next(iter(self._heads))]
        self._heads[sha256(head).digest()] = known
