"""Read a request body: limit its size, parse its JSON, and validate it as a model."""

import asyncio
from typing import Generic, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import Receive

from txplatform.api.idempotency_key import check_key_of
from txplatform.api.problems import ProblemError
from txplatform.api.services import services_of
from txplatform.contracts.body import Body
from txplatform.contracts.field_problems import validate
from txplatform.contracts.problems import ProblemType

Model = TypeVar("Model", bound=Body)

_AT_ONCE_BYTES = 262_144
"""A larger body is parsed in a thread, so that purchases do not wait for it."""


class ClientLeftError(Exception):
    """The client disconnected before the request was complete, so no response is needed."""


class JsonBody(Generic[Model]):
    """A dependency that reads and validates the request body.

    Args:
        model: The model of the body.
        described_as: The model to show in the OpenAPI document, if not `model`.
        max_bytes: The largest allowed size, if larger than the configured limit.
    """

    def __init__(
        self,
        model: type[Model],
        *,
        described_as: type[BaseModel] | None = None,
        max_bytes: int = 0,
    ) -> None:
        self._model = model
        self.described_as = described_as or model
        self._max_bytes = max_bytes

    async def __call__(self, request: Request) -> Model:
        """Read and validate the body of a request."""
        body = await json_bytes(request, self._max_bytes)
        value = (
            self._model.parse(body)
            if len(body) <= _AT_ONCE_BYTES
            else await asyncio.to_thread(self._model.parse, body)
        )
        parsed = validate(self._model, value)
        check_key_of(request.headers.get("idempotency-key"), parsed)
        return parsed


async def json_bytes(request: Request, max_bytes: int = 0) -> bytes:
    """Return the body of a JSON request, not parsed yet.

    Raises:
        ProblemError: The body is too large, or its media type is not JSON.
        ClientLeftError: The client disconnected.
    """
    require_json(request.headers.get("content-type"), request.headers.get("content-encoding"))
    most = services_of(request).settings.api_max_body_bytes
    return await read_body(request.receive, max(most, max_bytes))


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """Return the whole body of an ASGI request.

    Raises:
        ProblemError: The body is too large.
        ClientLeftError: The client disconnected.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeftError
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        parts, size = [body], len(body)
        while message.get("more_body", False) and size <= max_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if len(body) > max_bytes:
        raise ProblemError(
            ProblemType.BODY_TOO_LARGE,
            f"The body is larger than {max_bytes} bytes.",
            "Send a smaller body.",
            headers={"Connection": "close"},
        )
    return body


def require_json(content_type: str | None, content_encoding: str | None) -> None:
    """Check that the media type of a body, if given, is JSON, and that the body is not compressed.

    Raises:
        ProblemError: The media type is not application/json, or there is a content coding.
    """
    if (content_encoding or "identity").strip().lower() != "identity":
        raise ProblemError(
            ProblemType.UNSUPPORTED_MEDIA_TYPE,
            "The body has a Content-Encoding.",
            "Send the body without compression.",
            headers={"Accept-Encoding": "identity"},  # RFC 9110, section 15.5.16
        )
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProblemError(
            ProblemType.UNSUPPORTED_MEDIA_TYPE,
            "The Content-Type is not application/json.",
            "Send JSON with `Content-Type: application/json`.",
        )
