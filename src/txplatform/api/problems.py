"""Every error that the API answers with, as RFC 9457 problem details.

The one place where errors of the inside become HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from psycopg import OperationalError
from psycopg.errors import InsufficientPrivilege, UndefinedColumn, UndefinedFunction, UndefinedTable
from pydantic import ValidationError

from txplatform.contracts.field_problems import field_problem
from txplatform.contracts.fields import refuse_card_number
from txplatform.contracts.json import NotJsonError
from txplatform.contracts.rulesets import InvalidRuleSetError
from txplatform.decisions.errors import OutcomeUnknownError, QueueFullError, StoreUnavailableError
from txplatform.domain.commands.outcome import CommandRejectedError
from txplatform.errors import TxPlatformError
from txplatform.rulebook.book import UnreadableRuleSetError
from txplatform.rulebook.changes import UnknownChangeError
from txplatform.rulebook.store import RefusedChangeError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
_LONGEST_NAME = 64
_STEP = re.compile(r"[^.\[\]]+")
"""Of a place such as `rules[3].window_minutes`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A stable kind of problem.

    Attributes:
        type: What a program branches on; never changes.
        title: The kind in a few words, for people.
    """

    type: str
    status: int
    title: str


NOT_JSON = Kind("not-json", 400, "The body is not acceptable JSON")
UNAUTHENTICATED = Kind("unauthenticated", 401, "The API key is missing, unknown or expired")
FORBIDDEN = Kind("forbidden", 403, "The API key lacks a scope")
NOT_FOUND = Kind("not-found", 404, "There is no such resource")
ACCOUNT_NOT_FOUND = Kind("account-not-found", 404, "The account has not been opened")
RULESET_NOT_FOUND = Kind("ruleset-not-found", 404, "There is no such rule set")
SHADOWING_NOT_FOUND = Kind("shadowing-not-found", 404, "The rule set has no such shadowing")
TRANSACTION_NOT_FOUND = Kind("transaction-not-found", 404, "The transaction is not known")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The resource has no such method")
ID_REUSED = Kind("id-reused", 409, "The id was used before with other fields")
ACCOUNT_CLOSED = Kind("account-closed", 409, "The account is closed for ever")
RULESET_IN_FORCE = Kind("ruleset-in-force", 409, "The rule set decides already")
BODY_TOO_LARGE = Kind("body-too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE = Kind("unsupported-media-type", 415, "The body is not application/json")
VALIDATION = Kind("validation", 422, "The request has invalid fields")
CURRENCY_MISMATCH = Kind("currency-mismatch", 422, "The account has another currency")
BALANCE_OUT_OF_RANGE = Kind("balance-out-of-range", 422, "The balance would be beyond measure")
INTERNAL = Kind("internal", 500, "The service failed")
OVERLOADED = Kind("overloaded", 503, "Too many requests are waiting")
STORE_UNAVAILABLE = Kind("store-unavailable", 503, "The event store cannot be used")
OUTCOME_UNKNOWN = Kind("outcome-unknown", 503, "Whether it was recorded is not known")

KINDS = (
    NOT_JSON,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    ACCOUNT_NOT_FOUND,
    RULESET_NOT_FOUND,
    SHADOWING_NOT_FOUND,
    TRANSACTION_NOT_FOUND,
    METHOD_NOT_ALLOWED,
    ID_REUSED,
    ACCOUNT_CLOSED,
    RULESET_IN_FORCE,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION,
    CURRENCY_MISMATCH,
    BALANCE_OUT_OF_RANGE,
    INTERNAL,
    OVERLOADED,
    STORE_UNAVAILABLE,
    OUTCOME_UNKNOWN,
)


_REFUSALS = {
    "account_closed": ACCOUNT_CLOSED,
    "balance_out_of_range": BALANCE_OUT_OF_RANGE,
    "currency_mismatch": CURRENCY_MISMATCH,
    "ruleset_in_force": RULESET_IN_FORCE,
    "ruleset_not_found": RULESET_NOT_FOUND,
    "shadowing_not_found": SHADOWING_NOT_FOUND,
}
"""What is refused by its reason; all others mean that the id was used before."""


_RETRY_LATER: dict[type[TxPlatformError], Kind] = {
    QueueFullError: OVERLOADED,
    OutcomeUnknownError: OUTCOME_UNKNOWN,
    StoreUnavailableError: STORE_UNAVAILABLE,
    UnknownChangeError: STORE_UNAVAILABLE,
    UnreadableRuleSetError: STORE_UNAVAILABLE,
}


class ProblemError(TxPlatformError):
    """An error that is answered as this problem.

    Args:
        kind: What kind of problem.
        detail: What was wrong, and why.
        next_step: What to do about it.
        errors: Each invalid field's JSON pointer and what is wrong with it.
        headers: Further headers of the answer.
        extensions: Further members of the answer (RFC 9457, section 3.2).
    """

    def __init__(  # noqa: PLR0913  # each is a part of the answer
        self,
        kind: Kind,
        detail: str,
        next_step: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, next_step=next_step)
        self.kind = kind
        self.errors = errors
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})


@dataclass(frozen=True)
class ProblemDetails:
    """The body of every error (RFC 9457).

    Attributes:
        type: A stable name of the kind of problem.
        detail: What was wrong here, and why.
        next_step: What to do about it.
        errors: For invalid fields: JSON pointer and message.
        correlation_id: Under which the service's log lines can be found.
    """

    type: str
    title: str
    status: int
    detail: str
    next_step: str
    correlation_id: str
    errors: list[dict[str, str]] = field(default_factory=list)


def documented_header(name: str, description: str) -> dict[str, Any]:
    """The OpenAPI entry of a header of an answer."""
    return {name: {"description": description, "schema": {"type": "string"}}}


_HEADERS = {
    401: documented_header("WWW-Authenticate", "How to authenticate (RFC 6750)."),
    503: documented_header("Retry-After", "Seconds after which to retry, with the same ids."),
}


def problem_of(error: Exception) -> ProblemError:  # noqa: PLR0911  # one return a kind
    """The problem that an error is answered as; what is not expected is an internal one."""
    match error:
        case ProblemError():
            return error
        case NotJsonError():
            return ProblemError(NOT_JSON, f"{error.what} {error.why}", error.next_step)
        case ValidationError():
            return validation_problem(error.errors(include_input=False, include_url=False))
        case CommandRejectedError():
            refused = _REFUSALS.get(error.reason, ID_REUSED)
            return ProblemError(refused, error.detail, error.next_step)
        case RefusedChangeError():
            return ProblemError(_REFUSALS.get(error.reason, ID_REUSED), error.what, error.next_step)
        case InvalidRuleSetError():
            return _invalid_rules(error)
        case TxPlatformError() if (kind := _RETRY_LATER.get(type(error))) is not None:
            return _retry_later(kind, error)
        case OperationalError():
            return _retry_later(STORE_UNAVAILABLE, StoreUnavailableError(error))
        case UndefinedTable() | UndefinedColumn() | UndefinedFunction() | InsufficientPrivilege():
            return ProblemError(
                STORE_UNAVAILABLE,
                f"The database's schema is not the one of this version: {type(error).__name__}.",
                "An operator runs `txplatform migrate`; then retry.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
    return ProblemError(
        INTERNAL,
        "The service failed in a way that was not foreseen; it has been logged.",
        "Retry with the same ids; report the correlation id if it happens again.",
    )


def validation_problem(errors: Sequence[Any], *, leave_out: int = 0) -> ProblemError:
    """Invalid fields; the values are not repeated, one of them could be a card number.

    Args:
        errors: As pydantic gives them.
        leave_out: How many leading parts of each location are not the body's.
    """
    return ProblemError(
        VALIDATION,
        "The request has fields that are missing, unknown or invalid; nothing was recorded.",
        "Correct the fields named in errors; /docs describes each.",
        errors=[
            {
                "pointer": _pointer(error["loc"][leave_out:]),
                "message": field_problem(error),
            }
            for error in errors[:50]
        ],
    )


def _invalid_rules(error: InvalidRuleSetError) -> ProblemError:
    places = [problem.partition(": ") for problem in error.problems]
    return ProblemError(
        VALIDATION,
        f"{error.what} Nothing was recorded.",
        error.next_step,
        errors=[
            {"pointer": _pointer(_steps(place)), "message": message}
            for place, _, message in places[:50]
        ],
    )


def _steps(place: str) -> list[str]:
    return [] if place == "The value" else _STEP.findall(place)


def problem_answer(
    problem: ProblemError, correlation_id: str
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """OutcomeStatus, headers and body of a problem."""
    details = ProblemDetails(
        problem.kind.type,
        problem.kind.title,
        problem.kind.status,
        problem.what,
        problem.next_step,
        correlation_id,
        [dict(error) for error in problem.errors],
    )
    body = orjson.dumps({**asdict(details), **problem.extensions})
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-correlation-id", correlation_id.encode()),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    return problem.kind.status, headers, body


def _pointer(location: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901), empty for the whole body; a field's name is the caller's too."""
    return "".join(f"/{_name(str(part))}" for part in location)


def _name(part: str) -> str:
    try:
        refuse_card_number(part)
    except ValueError:
        return "(a number)"
    if len(part) > _LONGEST_NAME:
        part = part[:_LONGEST_NAME] + "…"
    return part.replace("~", "~0").replace("/", "~1")


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries of the problems that an operation may answer with, by status."""
    always = (UNAUTHENTICATED, FORBIDDEN, VALIDATION, INTERNAL, STORE_UNAVAILABLE)
    entries: dict[int | str, dict[str, Any]] = {}
    for kind in (*always, *kinds):
        entry = entries.setdefault(
            kind.status,
            {
                "description": kind.title,
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"},
                        "examples": {},
                    }
                },
            },
        )
        if kind.status in _HEADERS:
            entry["headers"] = _HEADERS[kind.status]
        entry["content"][MEDIA_TYPE]["examples"][kind.type] = {
            "summary": kind.title,
            "value": asdict(
                ProblemDetails(
                    kind.type, kind.title, kind.status, "…", "…", "0af7651916cd43dd8448eb211c80319c"
                )
            ),
        }
    return entries


def _retry_later(kind: Kind, error: TxPlatformError) -> ProblemError:
    return ProblemError(
        kind,
        " ".join(part for part in (error.what, error.why) if part),
        error.next_step,
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
