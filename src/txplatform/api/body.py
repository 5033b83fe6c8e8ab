"""Reads request bodies: bounded while they arrive, strict JSON, one model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import Receive

# FastAPI resolves the annotations of dependencies at run time.
from txplatform.api.problems import BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, ProblemError
from txplatform.api.services import services_of
from txplatform.contracts.json import parse_strict_json

Model = TypeVar("Model", bound=BaseModel)


class ClientLeftError(Exception):
    """The client closed the connection before its request was whole; nobody waits for an answer."""


async def read_body(receive: Receive, most_bytes: int) -> bytes:
    """The whole body.

    Raises:
        ProblemError: It is larger than allowed.
        ClientLeftError: The client left.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeftError
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        parts, size = [body], len(body)
        while message.get("more_body", False) and size <= most_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if len(body) > most_bytes:
        raise ProblemError(
            BODY_TOO_LARGE,
            f"The body is larger than {most_bytes} bytes.",
            "Send a smaller one.",
            headers={"Connection": "close"},
        )
    return body


def require_json(content_type: str | None) -> None:
    """Refuse a body that says it is something else than JSON.

    Raises:
        ProblemError: The media type is given and is not application/json.
    """
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProblemError(
            UNSUPPORTED_MEDIA_TYPE,
            "The Content-Type is not application/json.",
            "Send JSON with `Content-Type: application/json`.",
        )


def json_body(model: type[Model], most_bytes: int = 0) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that reads the body as this model.

    Args:
        model: What the body has to be.
        most_bytes: How large it may be where that is more than the configured size.
    """

    async def read(request: Request) -> Model:
        body = await json_bytes(request, most_bytes)
        parse_strict_json(body)
        return model.model_validate_json(body)

    return read


async def json_bytes(request: Request, most_bytes: int = 0) -> bytes:
    """The body of a request that says it is JSON, not looked at yet.

    Raises:
        ProblemError: It is too large, or says it is something else.
        ClientLeftError: The client left.
    """
    require_json(request.headers.get("content-type"))
    most = services_of(request).settings.api_max_body_bytes
    return await read_body(request.receive, max(most, most_bytes))


def documented_body(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI entry of a body that `json_body` reads."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
            },
        }
    }
