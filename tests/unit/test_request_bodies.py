"""How much of a request's body is taken in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from starlette.types import Message

from txplatform.api.body import ClientLeftError, read_body
from txplatform.api.problems import ProblemError

MOST = 100


class Client:
    """Sends these parts of a body; None where it leaves.

    Attributes:
        asked: How many parts were asked for.
    """

    def __init__(self, parts: Sequence[bytes | None]) -> None:
        self._parts = parts
        self.asked = 0

    async def receive(self) -> Message:
        """The next part."""
        part = self._parts[self.asked]
        self.asked += 1
        if part is None:
            return {"type": "http.disconnect"}
        more = self.asked < len(self._parts)
        return {"type": "http.request", "body": part, "more_body": more}


@pytest.mark.parametrize("parts", [[b"a" * MOST], [b"a" * 60, b"a" * 40], [b"a"] * MOST, [b""]])
def test_a_body_is_whole_up_to_the_most_that_is_allowed(parts: list[bytes]) -> None:
    assert asyncio.run(read_body(Client(parts).receive, MOST)) == b"".join(parts)


def test_of_a_body_that_is_too_large_no_more_is_taken_in() -> None:
    client = Client([b"a" * 40] * 1000)
    with pytest.raises(ProblemError, match="larger than 100 bytes"):
        asyncio.run(read_body(client.receive, MOST))
    assert client.asked == 3


@pytest.mark.parametrize("parts", [[None], [b"a", None]])
def test_a_body_that_ends_too_early_is_none(parts: list[bytes | None]) -> None:
    """The client has left, and part of a request is no request."""
    with pytest.raises(ClientLeftError):
        asyncio.run(read_body(Client(parts).receive, MOST))
