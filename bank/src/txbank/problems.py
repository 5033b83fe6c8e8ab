"""Problems (RFC 9457): their types, their body, and the translation of exceptions into them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from txbank.errors import IdReusedError, InvalidCursorError, TxBankError
from txbank.field_problems import describe
from txbank.tracing import correlation_id, logger, traceparent

MEDIA_TYPE = "application/problem+json"
MAX_BODY_BYTES = 65_536
_RETRY_AFTER_S = 1
_MAX_ERRORS = 50
_LONGEST_NAME = 64


@dataclass(frozen=True)
class ProblemType:
    """A type of problem: its stable name for programs, its HTTP status, and its title."""

    type: str
    status: int
    title: str


NOT_JSON = ProblemType("not-json", 400, "The body is not acceptable JSON")
UNAUTHENTICATED = ProblemType("unauthenticated", 401, "The API key is missing or unknown")
FORBIDDEN = ProblemType("forbidden", 403, "The API key lacks a scope")
NOT_FOUND = ProblemType("not-found", 404, "There is no such resource")
METHOD_NOT_ALLOWED = ProblemType("method-not-allowed", 405, "The resource lacks the method")
ID_REUSED = ProblemType("id-reused", 409, "The id was already used with other content")
BODY_TOO_LARGE = ProblemType("body-too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type", 415, "The body is not application/json"
)
VALIDATION = ProblemType("validation", 422, "The request has invalid fields")
INVALID_CURSOR = ProblemType(
    "invalid-cursor", 422, "The cursor belongs to another list or to other filters"
)
INTERNAL = ProblemType("internal", 500, "The service failed")
STORE_UNAVAILABLE = ProblemType("store-unavailable", 503, "The database is unavailable")


class InvalidField(BaseModel):
    """A field at fault."""

    pointer: str = Field(description="JSON pointer (RFC 6901) to the field.")
    message: str


class ProblemDetails(BaseModel):
    """The body of every error (RFC 9457)."""

    type: str = Field(description="The problem type, to branch on: `/problems/` and its name.")
    title: str
    status: int
    detail: str = Field(description="The fault and its cause.")
    next_step: str
    correlation_id: str = Field(description="The trace id, which is also in the log.")
    errors: list[InvalidField] = []


class ProblemError(TxBankError):
    """An error of the HTTP layer itself, such as a missing key, with its problem type."""

    def __init__(
        self,
        type_: ProblemType,
        what: str,
        next_step: str,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(what, next_step=next_step)
        self.type = type_
        self.headers = dict(headers or {})


_FRAMEWORK = {
    400: (NOT_JSON, "The body is not JSON.", "Send one JSON value in UTF-8."),
    404: (NOT_FOUND, "There is no resource at this path.", "GET /openapi.json lists all."),
    405: (METHOD_NOT_ALLOWED, "This resource lacks the method.", "Use one in the Allow header."),
    413: (
        BODY_TOO_LARGE,
        f"The body is larger than {MAX_BODY_BYTES} bytes.",
        "Send a smaller one.",
    ),
}
"""Problems for errors that have only an HTTP status."""


def respond_with_problems(app: FastAPI, types: Mapping[type[TxBankError], ProblemType]) -> None:
    """Register handlers that turn every exception into a problem.

    Args:
        app: The application of one service.
        types: The problem type of each error of the service's domain.
    """
    types = {**types, IdReusedError: ID_REUSED, InvalidCursorError: INVALID_CURSOR}
    log = logger("api")

    async def handle(_: Request, error: Exception) -> JSONResponse:
        match error:
            case ProblemError():
                return _response(error.type, error, headers=error.headers)
            case RequestValidationError():
                return _invalid(error)
            case HTTPException(status_code=status) if status in _FRAMEWORK:
                type_, what, next_step = _FRAMEWORK[status]
                problem = ProblemError(type_, what, next_step)
                return _response(type_, problem, headers=error.headers)
            case TxBankError() if type(error) in types:
                fields = [
                    InvalidField(pointer=f"/{name.replace('.', '/')}", message=error.what)
                    for name in error.fields
                ]
                return _response(types[type(error)], error, fields)
            case psycopg.OperationalError() | psycopg.errors.UndefinedTable():
                unavailable = TxBankError(
                    "The database is unavailable, or not migrated to this version.",
                    why="The request may have been recorded.",
                    next_step="Retry with the same ids; nothing is recorded twice.",
                )
                retry = {"Retry-After": str(_RETRY_AFTER_S)}
                return _response(STORE_UNAVAILABLE, unavailable, headers=retry)
        log.error(
            "unexpected error",
            correlation_id=correlation_id(traceparent()),
            exc_info=error,
        )
        failed = TxBankError(
            "The service failed unexpectedly; the error has been logged.",
            next_step="Retry with the same ids; report the correlation id if it happens again.",
        )
        return _response(INTERNAL, failed)

    for kind in (HTTPException, RequestValidationError, TxBankError, psycopg.Error, Exception):
        app.add_exception_handler(kind, handle)


def _invalid(error: RequestValidationError) -> JSONResponse:
    fields = [
        # The first item of a location is where the field stands, such as `body` or `query`.
        InvalidField(
            pointer="".join(f"/{_name(str(part))}" for part in each["loc"][1:]),
            message=describe(each, error.body),
        )
        for each in error.errors()[:_MAX_ERRORS]
    ]
    invalid = TxBankError(
        "The request has fields that are missing, unknown or invalid; nothing was recorded.",
        next_step="Correct the fields named in errors; /openapi.json describes each.",
    )
    return _response(VALIDATION, invalid, fields)


def _name(part: str) -> str:
    """Return the name of a field for a pointer: escaped, and cut, since callers invent names."""
    part = "".join(each if each.isprintable() else " " for each in part)
    if len(part) > _LONGEST_NAME:
        part = part[:_LONGEST_NAME] + "…"
    return part.replace("~", "~0").replace("/", "~1")


def _response(
    type_: ProblemType,
    error: TxBankError,
    fields: Sequence[InvalidField] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    details = ProblemDetails(
        type=f"/problems/{type_.type}",
        title=type_.title,
        status=type_.status,
        detail=" ".join(part for part in (error.what, error.why) if part),
        next_step=error.next_step,
        correlation_id=correlation_id(traceparent()),
        errors=list(fields),
    )
    return JSONResponse(details.model_dump(), type_.status, headers, MEDIA_TYPE)
