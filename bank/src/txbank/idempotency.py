"""Repeated requests: the first one with an id stands, and a repeat gets its response."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from txbank.errors import IdReusedError


def check_same(id_name: str, request: BaseModel, recorded: Mapping[str, Any]) -> None:
    """Check that a repeated request has the content of the first one with its id.

    Raises:
        IdReusedError: The content differs. The error names the fields.
    """
    asked = request.model_dump()
    differing = [
        name for name, value in asked.items() if name in recorded and recorded[name] != value
    ]
    if differing:
        raise IdReusedError(id_name, differing)


def note_replay(response: Response, *, replayed: bool, status: int | None = None) -> None:
    """Mark a response as that of an earlier request if it is one, and set its status."""
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
        response.status_code = status or response.status_code
