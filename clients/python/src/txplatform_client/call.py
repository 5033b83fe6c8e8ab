"""The description of a call, and the descriptors that make it a method of both clients.

A call is described once, as a function that returns a `Call` or a `ListCall`. Decorated with `call`
or `listing`, it is a method of `Client` that returns the response, and a method of `AsyncClient`
with the same parameters that is awaited.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import update_wrapper
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload
from urllib.parse import quote

import httpx
import msgspec

from txplatform_client.errors import InvalidArgumentError, UnexpectedResponseError, problem_of

if TYPE_CHECKING:
    from txplatform_client.client import AsyncClient, Client
    from txplatform_client.pages import AsyncPages, Pages

P = ParamSpec("P")
R = TypeVar("R")
Item = TypeVar("Item")


def _segment(value: str) -> str:
    if value in {"", ".", ".."}:
        raise InvalidArgumentError(f"{value!r} cannot be an id: it has a meaning in URLs.")
    return quote(value, safe=":")


@dataclass(frozen=True)
class Call(Generic[R]):
    """One request to the API, and the class of its response.

    Attributes:
        path: The segments of the path after `/v1`, not quoted.
        body: The request's body; None if it has none.
        query: The query's parameters; those that are None are not sent.
        headers: Further headers.
    """

    method: str
    path: tuple[str, ...]
    response: type[R]
    query: Mapping[str, str | int | datetime | None] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} /v1/{'/'.join(self.path)}"

    def request(
        self, url: str, headers: Mapping[str, str], wait: float | httpx.Timeout
    ) -> httpx.Request:
        """Return the request to the API at `url`, with the time-out `wait`.

        Raises:
            InvalidArgumentError: An id in the path is empty, `.` or `..`; a time has no offset.
        """
        query = {name: _text(value) for name, value in self.query.items() if value is not None}
        content = None if self.body is None else msgspec.json.encode(self.body)
        body_headers = {} if content is None else {"Content-Type": "application/json"}
        return httpx.Request(
            self.method,
            "/".join((url, "v1", *map(_segment, self.path))),
            params=query or None,
            content=content,
            headers={**headers, **body_headers, **self.headers},
            extensions={"timeout": httpx.Timeout(wait).as_dict()},
        )

    def result(self, response: httpx.Response) -> R:
        """Return the decoded response.

        Raises:
            ProblemError: The API refused the call, or could not carry it out.
            UnexpectedResponseError: The response lacks fields, or they have other types.
        """
        unchanged = response.status_code == HTTPStatus.NOT_MODIFIED
        if not response.is_success and not unchanged:
            raise problem_of(response)
        try:
            content = b"null" if unchanged else response.content
            return msgspec.json.decode(content, type=self.response)
        except msgspec.DecodeError as error:
            raise UnexpectedResponseError(
                f"The response to {self} cannot be read: {error}. "
                "Check that the client's version fits the platform's."
            ) from error


@dataclass(frozen=True)
class ListCall(Call[R], Generic[R, Item]):
    """A call for a page of a list of items."""

    def after(self, cursor: str) -> ListCall[R, Item]:
        """Return the call for the page after this cursor."""
        return replace(self, query={**self.query, "cursor": cursor})


def _text(value: str | int | datetime) -> str:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InvalidArgumentError(f"{value} has no offset; give a time with a time zone.")
    return value.isoformat() if isinstance(value, datetime) else str(value)


class call(Generic[P, R]):  # noqa: N801  # used as a decorator
    """Makes the description of a call a method of both clients."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[R]]) -> None:
        self.describe = describe

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], Call[R]]: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, R]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Awaitable[R]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Return the client's method. Without a client, return the description of the call."""
        if client is None:
            return self.describe

        def send(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(self.describe(client, *args, **kwargs))

        return update_wrapper(send, self.describe)


class listing(Generic[P, R, Item]):  # noqa: N801  # used as a decorator
    """Makes the description of a list a method of both clients."""

    def __init__(self, describe: Callable[Concatenate[Any, P], ListCall[R, Item]]) -> None:
        self.describe = describe

    @overload
    def __get__(
        self, client: None, owner: type
    ) -> Callable[Concatenate[Any, P], ListCall[R, Item]]: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, Pages[R, Item]]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, AsyncPages[R, Item]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Return the client's method. Without a client, return the description of the call."""
        if client is None:
            return self.describe

        def pages(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.pages(self.describe(client, *args, **kwargs))

        return update_wrapper(pages, self.describe)
