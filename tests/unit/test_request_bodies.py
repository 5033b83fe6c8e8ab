"""Reading request bodies up to a maximum size."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from starlette.types import Message

from txplatform.api.body import ClientLeftError, read_body
from txplatform.api.problems import ProblemError

MOST = 100


class Client:
    """A client that sends these parts of a body; None means that the client disconnects.

    Attributes:
        asked: The number of parts requested so far.
    """

    def __init__(self, parts: Sequence[bytes | None]) -> None:
        self._parts = parts
        self.asked = 0

    async def receive(self) -> Message:
        """Return the next part as an ASGI message."""
        part = self._parts[self.asked]
        self.asked += 1
        if part is None:
            return {"type": "http.disconnect"}
        more = self.asked < len(self._parts)
        return {"type": "http.request", "body": part, "more_body": more}


@pytest.mark.parametrize("parts", [[b"a" * MOST], [b"a" * 60, b"a" * 40], [b"a"] * MOST, [b""]])
def test_a_body_up_to_the_maximum_size_is_read_completely(parts: list[bytes]) -> None:
    assert asyncio.run(read_body(Client(parts).receive, MOST)) == b"".join(parts)


def test_reading_stops_if_a_body_exceeds_the_maximum_size() -> None:
    client = Client([b"a" * 40] * 1000)
    with pytest.raises(ProblemError, match="larger than 100 bytes"):
        asyncio.run(read_body(client.receive, MOST))
    assert client.asked == 3


@pytest.mark.parametrize("parts", [[None], [b"a", None]])
def test_an_incomplete_body_raises_an_error(parts: list[bytes | None]) -> None:
    """The client has disconnected, and an incomplete request must not be processed."""
    with pytest.raises(ClientLeftError):
        asyncio.run(read_body(Client(parts).receive, MOST))
