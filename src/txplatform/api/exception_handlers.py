"""Translate exceptions into HTTP problems."""

from collections.abc import Mapping, Sequence
from typing import assert_never

import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg.errors import InsufficientPrivilege, UndefinedColumn, UndefinedFunction, UndefinedTable
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope, Send

from txplatform.api.body import ClientLeftError
from txplatform.api.problems import ProblemError, problem_response, retry_later
from txplatform.api.validation_problems import (
    invalid_cursor_problem,
    invalid_rules_problem,
    refused_field_problems,
    repeated_field_problems,
    validation_problem,
)
from txplatform.consumers.parked_messages import (
    ContentsDroppedError,
    ContentsWithheldError,
    NoSuchMessageError,
    NotParkedError,
)
from txplatform.contracts.cursors import InvalidCursorError
from txplatform.contracts.field_problems import (
    InvalidField,
    InvalidFieldsError,
    invalid_fields,
)
from txplatform.contracts.json import NotJsonError
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.rulesets import InvalidRuleSetError
from txplatform.decisions.errors import OutcomeUnknownError, QueueFullError, StoreUnavailableError
from txplatform.domain.commands.outcome import CommandRejectedError, RefusalReason
from txplatform.domain.rulesets import RulesNotUnderstoodError
from txplatform.errors import TxPlatformError
from txplatform.rulebook.store import ChangeRefusal, RefusedChangeError
from txplatform.telemetry import correlation_id, logger


def handle_errors_as_problems(app: FastAPI) -> None:
    """Register handlers that respond to every exception with a problem."""

    async def handle(request: Request, error: Exception) -> Response:
        match error:
            case ClientLeftError():
                return Response(status_code=499)
            case RequestValidationError():
                # The first item of each location is where the parameter stands, such as `query`.
                problem = validation_problem(
                    InvalidField(field.location[1:], field.problem)
                    for field in invalid_fields(error.errors(), None)
                )
            case HTTPException(status_code=404):
                problem = ProblemError(
                    ProblemType.NOT_FOUND,
                    "There is no resource at this path.",
                    "GET /docs lists the API's resources.",
                )
            case HTTPException(status_code=405):
                problem = ProblemError(
                    ProblemType.METHOD_NOT_ALLOWED,
                    f"This resource does not support {request.method}.",
                    "Use a method from the Allow header.",
                    headers=_with_head(error.headers),
                )
            case _:
                problem = reported_problem(error, request.state.traceparent)
        problem.note(request.scope["state"])
        trace = correlation_id(request.state.traceparent)
        status, headers, body = problem_response(problem, trace)
        response = Response(body, status)
        response.raw_headers = headers
        return response

    for kind in (
        HTTPException,
        RequestValidationError,
        TxPlatformError,
        psycopg.Error,
        ClientLeftError,
        Exception,
    ):
        app.add_exception_handler(kind, handle)


def _with_head(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the headers of a 405 response, in which GET stands for HEAD too."""
    allowed = (headers or {}).get("Allow", "")
    if "GET" not in allowed.split(", "):
        return headers or {}
    return {**(headers or {}), "Allow": allowed.replace("GET", "GET, HEAD")}


def reported_problem(error: Exception, traceparent: str) -> ProblemError:
    """Return the problem for an exception; log the exception if it was not expected."""
    problem = problem_of(error)
    if problem.type is ProblemType.INTERNAL:
        logger("api").error(
            "unexpected error", correlation_id=correlation_id(traceparent), exc_info=error
        )
    return problem


async def send_problem(problem: ProblemError, scope: Scope, send: Send) -> None:
    """Send a problem as the response to an ASGI request, and note it for the log line."""
    problem.note(scope["state"])
    trace = correlation_id(scope["state"]["traceparent"])
    status, headers, body = problem_response(problem, trace)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def problem_of(error: Exception) -> ProblemError:  # noqa: C901, PLR0911, PLR0912  # one return for each kind
    """Return the problem for an exception. Unexpected exceptions are internal errors."""
    match error:
        case ProblemError():
            return error
        case NotJsonError():
            return ProblemError(ProblemType.NOT_JSON, f"{error.what} {error.why}", error.next_step)
        case InvalidFieldsError():
            return validation_problem(error.fields)
        case InvalidRuleSetError():
            return invalid_rules_problem(error)
        case InvalidCursorError():
            return invalid_cursor_problem(error)
        case CommandRejectedError():
            problems = refused_field_problems(error)
            return _refused(_command_refused(error.reason), error, problems)
        case RefusedChangeError():
            differing = repeated_field_problems(error.fields)
            return _refused(_change_refused(error.reason), error, differing)
        case NoSuchMessageError():
            return ProblemError(ProblemType.MESSAGE_NOT_FOUND, error.what, error.next_step)
        case NotParkedError():
            return ProblemError(ProblemType.MESSAGE_NOT_PARKED, error.what, error.next_step)
        case ContentsDroppedError() | ContentsWithheldError():
            return ProblemError(
                ProblemType.CONTENTS_NOT_KEPT, f"{error.what} {error.why}", error.next_step
            )
        case QueueFullError():
            return _passing(ProblemType.OVERLOADED, error)
        case OutcomeUnknownError():
            return _passing(ProblemType.OUTCOME_UNKNOWN, error)
        case StoreUnavailableError() | RulesNotUnderstoodError():
            return _passing(ProblemType.STORE_UNAVAILABLE, error)
        case psycopg.OperationalError():
            return _passing(ProblemType.STORE_UNAVAILABLE, StoreUnavailableError(error))
        case UndefinedTable() | UndefinedColumn() | UndefinedFunction() | InsufficientPrivilege():
            return retry_later(
                ProblemType.STORE_UNAVAILABLE,
                f"The database schema does not match this version: {type(error).__name__}.",
                "Ask an operator to run `txplatform migrate`, then retry.",
            )
    return _unforeseen()


def _command_refused(reason: RefusalReason) -> ProblemType | None:
    """Return the problem type for a refusal; None if no API request can cause the refusal."""
    match reason:
        case RefusalReason.CONFLICTING_COPY | RefusalReason.TRANSACTION_ID_REUSED:
            return ProblemType.ID_REUSED
        case RefusalReason.ACCOUNT_CLOSED:
            return ProblemType.ACCOUNT_CLOSED
        case RefusalReason.BALANCE_OUT_OF_RANGE:
            return ProblemType.BALANCE_OUT_OF_RANGE
        case RefusalReason.CURRENCY_MISMATCH:
            return ProblemType.CURRENCY_MISMATCH
        case RefusalReason.WRONG_DIRECTION:
            return ProblemType.WRONG_DIRECTION
        case (
            RefusalReason.RETURN_DIFFERS_FROM_PAYMENT
            | RefusalReason.NO_OPEN_HOLD
            | RefusalReason.HOLD_NOT_DUE
            | RefusalReason.OTHER_ACCOUNT
        ):
            return None
        case _:
            assert_never(reason)


def _change_refused(reason: ChangeRefusal) -> ProblemType:
    match reason:
        case ChangeRefusal.ID_REUSED:
            return ProblemType.ID_REUSED
        case ChangeRefusal.RULESET_NOT_FOUND:
            return ProblemType.RULESET_NOT_FOUND
        case ChangeRefusal.RULESET_IN_FORCE:
            return ProblemType.RULESET_IN_FORCE
        case ChangeRefusal.SHADOWING_NOT_FOUND:
            return ProblemType.SHADOWING_NOT_FOUND
        case _:
            assert_never(reason)


def _refused(
    type_: ProblemType | None, error: TxPlatformError, problems: Sequence[Mapping[str, str]] = ()
) -> ProblemError:
    if type_ is None:
        return _unforeseen()
    return ProblemError(type_, error.what, error.next_step, errors=problems)


def _passing(type_: ProblemType, error: TxPlatformError) -> ProblemError:
    return retry_later(
        type_, " ".join(part for part in (error.what, error.why) if part), error.next_step
    )


def _unforeseen() -> ProblemError:
    return ProblemError(
        ProblemType.INTERNAL,
        "The service failed unexpectedly; the error has been logged.",
        "Retry with the same ids; report the correlation id if it happens again.",
    )
