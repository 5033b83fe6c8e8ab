"""The errors of this package. Each says what is wrong, why, and what to do."""

from typing import Any

import httpx
import msgspec

_TYPES = "/problems/"


class TxPlatformClientError(Exception):
    """The root of all errors of this package."""


class InvalidArgumentError(TxPlatformClientError, ValueError):
    """An argument cannot be sent, such as an empty id. Nothing was sent."""


class MessageError(TxPlatformClientError):
    """A Kafka message cannot be built or read; the text names the field."""


class NoResponseError(TxPlatformClientError):
    """The API did not respond before the deadline, so the outcome is unknown.

    Send the same call with the same ids again later: it has no second effect.
    """


class UnexpectedResponseError(TxPlatformClientError):
    """A successful response lacks fields of openapi.json, or they have other types."""


class FieldProblem(msgspec.Struct, frozen=True):
    """An invalid field of a request.

    Attributes:
        pointer: A JSON pointer (RFC 6901) into the request's body.
    """

    pointer: str
    message: str


class Problem(msgspec.Struct, frozen=True):
    """The body of an error response (RFC 9457). The defaults are for members that it lacks.

    Attributes:
        type: The type of the problem, such as `/problems/id-reused`.
        title: The type in a few words.
        status: The HTTP status.
        detail: What was wrong with this request, and why.
        next_step: What to do.
        correlation_id: The trace id, by which operators find the log lines.
        errors: The invalid fields or, for `id-reused`, the fields that differ.
    """

    status: int
    type: str = "about:blank"
    title: str = ""
    detail: str = ""
    next_step: str = ""
    correlation_id: str = ""
    errors: tuple[FieldProblem, ...] = ()


class ProblemError(TxPlatformClientError):
    """The API refused the call, or could not carry it out before the deadline.

    Attributes:
        problem: The body of the response.
        type: The stable name of the problem, such as `account-not-found`, for programs to branch
            on: the type without `/problems/`.
        detail: What was wrong, and why.
        next_step: What to do.
    """

    def __init__(self, problem: Problem) -> None:
        texts = (problem.detail or problem.title, problem.next_step)
        text = " ".join(filter(None, texts))
        fields = "".join(f" {each.pointer} {each.message}." for each in problem.errors)
        self.type = problem.type.removeprefix(_TYPES)
        super().__init__(f"{self.type} ({problem.status}): {text}{fields}")
        self.problem = problem
        self.detail = problem.detail
        self.next_step = problem.next_step

    def __reduce__(self) -> Any:
        """Let pickle create the error anew, for process pools."""
        return type(self), (self.problem,)


def problem_of(response: httpx.Response) -> ProblemError:
    """Return the error for a response that is not a success."""
    try:
        return ProblemError(msgspec.json.decode(response.content, type=Problem))
    except msgspec.DecodeError:
        return ProblemError(  # such as the page of a proxy
            Problem(
                response.status_code,
                title=response.reason_phrase,
                detail=f"The response to {response.request.method} {response.request.url} has no "
                "problem as its body.",
                next_step="Check that the address is that of the platform's API.",
            )
        )
