"""Problems (RFC 9457) as exceptions and as responses."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from txplatform.contracts.problems import (
    MEDIA_TYPE,
    FieldProblem,
    ProblemDetails,
    ProblemType,
)
from txplatform.errors import TxPlatformError

RETRY_AFTER_S = 1
MAX_RETRY_AFTER_S = 3600
NO_STORE = (b"cache-control", b"no-store")
"""The header of responses that may have money in them, and of all problems."""

WrittenResponse = tuple[int, list[tuple[bytes, bytes]], bytes]
"""The status, the headers with names in lower case, and the body of a response."""


class ProblemError(TxPlatformError):
    """An error that becomes a problem response, with the fields of `ProblemDetails`.

    Attributes:
        logged: Fields for the request's log line that the caller must not see.
    """

    def __init__(
        self,
        type_: ProblemType,
        detail: str,
        next_step: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, next_step=next_step)
        self.type = type_
        self.errors = errors
        self.headers = dict(headers or {})
        self.logged: Mapping[str, str] = {}

    def note(self, state: MutableMapping[str, Any]) -> None:
        """Add what the request's log line needs to the state of an ASGI request."""
        state["problem"] = self.type.code
        state.update(self.logged)


def retry_later(
    type_: ProblemType, what: str, next_step: str, after_s: int = RETRY_AFTER_S
) -> ProblemError:
    """Return a problem with a `Retry-After` header, for a temporary failure."""
    return ProblemError(type_, what, next_step, headers={"Retry-After": str(after_s)})


def stopping_problem(method: str) -> ProblemError:
    """Return the problem for a request that cannot be finished before the process stops."""
    return ProblemError(
        ProblemType.OUTCOME_UNKNOWN if method == "POST" else ProblemType.STORE_UNAVAILABLE,
        "The service is stopping, and the event store did not respond in time.",
        "Retry with the same ids; nothing is recorded twice.",
        headers={"Retry-After": str(RETRY_AFTER_S), "Connection": "close"},
    )


def problem_response(problem: ProblemError, correlation_id: str) -> WrittenResponse:
    """Return the status, headers and body for a problem."""
    details = ProblemDetails(
        problem.type.uri,
        problem.type.title,
        problem.type.status,
        problem.what,
        problem.next_step,
        correlation_id,
        [FieldProblem(**error) for error in problem.errors],
    )
    body = orjson.dumps(asdict(details))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-correlation-id", correlation_id.encode()),
        NO_STORE,
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    return problem.type.status, headers, body
