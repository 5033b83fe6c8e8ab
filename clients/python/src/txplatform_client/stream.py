"""The log as Server-Sent Events, resumed after each interruption. Without any I/O."""

import httpx
import msgspec
from httpx_sse import ServerSentEvent

from txplatform_client.call import Call
from txplatform_client.errors import UnexpectedResponseError
from txplatform_client.events import Event
from txplatform_client.retries import Attempts, Patience

QUIET_S = 45
"""After this time without a byte, a connection counts as lost. The API sends one every 15 s."""

ENDED = httpx.RemoteProtocolError("The service ended the stream.")
"""The outcome of a connection that the service closed regularly, as it does when it stops."""

_decode = msgspec.json.Decoder(Event).decode


class Resumption:
    """The place up to which the log was received, and the attempts to go on from there.

    Args:
        cursor: The place to begin after; None for the beginning of the log.
        patience: `deadline_s` counts from the last event that was received.
    """

    def __init__(self, cursor: str | None, patience: Patience) -> None:
        self._cursor = cursor
        self._last_event_id: str | None = None
        self._patience = patience
        self._attempts = Attempts(patience)

    @property
    def call(self) -> Call[None]:
        """The call that goes on with the next event."""
        resumed = {} if self._last_event_id is None else {"Last-Event-ID": self._last_event_id}
        path, query = ("events", "stream"), {"cursor": self._cursor}
        return Call("GET", path, type(None), query, headers=resumed)

    @property
    def timeout(self) -> httpx.Timeout:
        """The time for the next connection, and for its silences afterwards."""
        return httpx.Timeout(self._attempts.timeout_s, read=QUIET_S)

    def event(self, received: ServerSentEvent) -> Event | None:
        """Return the received event; None for one without data, such as a sign of life.

        Raises:
            UnexpectedResponseError: The event cannot be read.
        """
        self._attempts = Attempts(self._patience)
        if not received.data:
            return None
        try:
            event = _decode(received.data)
        except msgspec.DecodeError as error:
            raise UnexpectedResponseError(
                f"An event of {self.call} after {self._last_event_id or self._cursor} cannot be "
                f"read: {error}. Check that the client's version fits the platform's."
            ) from error
        self._last_event_id = event.cursor
        return event

    def pause_s(self, outcome: httpx.Response | httpx.TransportError) -> float | None:
        """Return the seconds until the next connection; None if the outcome is final."""
        return self._attempts.pause_s(outcome)
