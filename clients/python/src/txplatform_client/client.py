"""The clients: one that blocks, and one for asyncio. Both have the same calls."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx
from httpx_sse import EventSource

from txplatform_client.accounts import AccountCalls
from txplatform_client.authorizations import AuthorizationCalls
from txplatform_client.call import Call, ListCall
from txplatform_client.currencies import CurrencyCalls
from txplatform_client.errors import InvalidArgumentError, NoResponseError
from txplatform_client.events import Event, EventCalls
from txplatform_client.inbound_messages import InboundMessageCalls
from txplatform_client.pages import AsyncPages, Pages
from txplatform_client.retries import Attempts, Patience
from txplatform_client.rulesets import RuleSetCalls
from txplatform_client.settlement import SettlementCalls
from txplatform_client.stream import ENDED, Resumption
from txplatform_client.transactions import TransactionCalls

R = TypeVar("R")
PageT = TypeVar("PageT")
Item = TypeVar("Item")
Http = TypeVar("Http", httpx.Client, httpx.AsyncClient)


class _ApiCalls(
    AccountCalls,
    AuthorizationCalls,
    SettlementCalls,
    TransactionCalls,
    RuleSetCalls,
    InboundMessageCalls,
    EventCalls,
    CurrencyCalls,
    Generic[Http],
):
    """All calls, and what the clients need to send them."""

    _new_http: type[Http]

    def __init__(  # noqa: PLR0913  # settings, given by name
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = 5.0,
        deadline_s: float = 30.0,
        traceparent: Callable[[], str | None] | None = None,
        http: Http | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            url: The address of the API, such as `https://txplatform.example`.
            key: An API key with the scopes of the calls that are made.
            timeout_s: How long one attempt waits for the connection, or for more of the response.
            deadline_s: The time for a call with all its attempts.
            traceparent: Returns the W3C trace context to send with a request; None for none.
            http: The HTTP client to send with, for certificates, proxies or instrumentation. Its
                owner closes it.

        Raises:
            InvalidArgumentError: The address is not an HTTP URL, or the key has characters that no
                key can have.
        """
        if not _is_address(url):
            raise InvalidArgumentError(
                f"{url!r} is not an address such as https://txplatform.example."
            )
        if not re.fullmatch("[!-~]+", key):
            raise InvalidArgumentError("The API key has characters that no key can have.")
        self._url = url.rstrip("/")
        self._key = key
        self._patience = Patience(timeout_s, deadline_s)
        self._traceparent = traceparent
        self._owned = http is None
        self._http: Http = self._new_http() if http is None else http

    def _resumption(self, cursor: str | None, give_up_s: float) -> Resumption:
        return Resumption(cursor, Patience(self._patience.timeout_s, give_up_s))

    def _request(self, call: Call[Any], wait: float | httpx.Timeout) -> httpx.Request:
        headers = {"Authorization": f"Bearer {self._key}"}
        if self._traceparent is not None and (traceparent := self._traceparent()) is not None:
            headers["traceparent"] = traceparent
        return call.request(self._url, headers, wait)

    def _result(self, call: Call[R], outcome: httpx.Response | httpx.TransportError) -> R:
        if isinstance(outcome, httpx.Response):
            return call.result(outcome)
        raise NoResponseError(
            f"{self._url} did not respond to {call} in time: {outcome!r}. The outcome is unknown. "
            "Send the same call with the same ids again."
        ) from outcome


def _is_address(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host)


class Client(_ApiCalls[httpx.Client]):
    """Calls the API, and blocks until it responds. Threads may share a client.

    Every call repeats its request until the outcome is final or the deadline passes. It raises:

    - `ProblemError` if the API refused the call, or could not carry it out in time;
    - `NoResponseError` if the API did not respond in time;
    - `UnexpectedResponseError` if the response cannot be read.
    """

    _new_http = httpx.Client

    def send(self, call: Call[R]) -> R:
        """Send a `Call`, and return its response. The other methods of this class use it."""
        attempts = Attempts(self._patience)
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = self._http.send(self._request(call, attempts.timeout_s))
            except httpx.TransportError as error:
                outcome = error
            pause_s = attempts.pause_s(outcome)
            if pause_s is None:
                return self._result(call, outcome)
            time.sleep(pause_s)

    def stream_events(
        self, *, cursor: str | None = None, give_up_s: float = 300.0
    ) -> Iterator[Event]:
        """Yield every event of the log, and then each new one as it is recorded.

        Connects again after each interruption, and goes on with the next event. Scope `audit:read`.

        Args:
            cursor: The cursor of the last event that was seen; None to begin at the first one.
            give_up_s: How long to try to connect again without a response.

        Raises:
            ProblemError: The API refused the call, for instance since the key was revoked.
            NoResponseError: The API could not be reached for `give_up_s`.
        """
        resumption = self._resumption(cursor, give_up_s)
        while True:
            outcome: httpx.Response | httpx.TransportError = ENDED
            request = self._request(resumption.call, resumption.timeout)
            try:
                with closing(self._http.send(request, stream=True)) as response:
                    if response.is_success:
                        for received in EventSource(response).iter_sse():
                            if (event := resumption.event(received)) is not None:
                                yield event
                    else:
                        response.read()
                        outcome = response
            except httpx.TransportError as error:
                outcome = error
            pause_s = resumption.pause_s(outcome)
            if pause_s is None:
                self._result(resumption.call, outcome)
                return
            time.sleep(pause_s)

    def pages(self, call: ListCall[PageT, Item]) -> Pages[PageT, Item]:
        """Return the list that a `ListCall` describes."""
        return Pages(self, call)

    def close(self) -> None:
        """Close the connections, unless the HTTP client was given."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()


class AsyncClient(_ApiCalls[httpx.AsyncClient]):
    """Calls the API from asyncio. Await its calls; they raise the same errors as `Client`'s."""

    _new_http = httpx.AsyncClient

    async def send(self, call: Call[R]) -> R:
        """Send a `Call`, and return its response. The other methods of this class use it."""
        attempts = Attempts(self._patience)
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = await self._http.send(self._request(call, attempts.timeout_s))
            except httpx.TransportError as error:
                outcome = error
            pause_s = attempts.pause_s(outcome)
            if pause_s is None:
                return self._result(call, outcome)
            await asyncio.sleep(pause_s)

    async def stream_events(
        self, *, cursor: str | None = None, give_up_s: float = 300.0
    ) -> AsyncIterator[Event]:
        """Yield every event of the log, and then each new one; see `Client.stream_events`."""
        resumption = self._resumption(cursor, give_up_s)
        while True:
            outcome: httpx.Response | httpx.TransportError = ENDED
            request = self._request(resumption.call, resumption.timeout)
            try:
                async with aclosing(await self._http.send(request, stream=True)) as response:
                    if response.is_success:
                        async for received in EventSource(response).aiter_sse():
                            if (event := resumption.event(received)) is not None:
                                yield event
                    else:
                        await response.aread()
                        outcome = response
            except httpx.TransportError as error:
                outcome = error
            pause_s = resumption.pause_s(outcome)
            if pause_s is None:
                self._result(resumption.call, outcome)
                return
            await asyncio.sleep(pause_s)

    def pages(self, call: ListCall[PageT, Item]) -> AsyncPages[PageT, Item]:
        """Return the list that a `ListCall` describes."""
        return AsyncPages(self, call)

    async def close(self) -> None:
        """Close the connections, unless the HTTP client was given."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Return self."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()
