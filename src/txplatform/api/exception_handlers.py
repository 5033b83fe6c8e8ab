"""Has FastAPI answer every error as a problem."""

from __future__ import annotations

import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import ClientLeftError
from txplatform.api.problems import (
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    ProblemError,
    problem_answer,
    problem_of,
    validation_problem,
)
from txplatform.errors import TxPlatformError
from txplatform.telemetry import correlation_id, logger


def answer_errors_as_problems(app: FastAPI) -> None:
    """Whatever is raised while a request is answered."""
    log = logger("api")

    async def answer(request: Request, error: Exception) -> Response:
        match error:
            case ClientLeftError():
                return Response(status_code=499)
            case RequestValidationError():
                problem = validation_problem(error.errors(), leave_out=1)
            case HTTPException(status_code=404):
                problem = ProblemError(
                    NOT_FOUND,
                    "No resource has this path.",
                    "GET /docs lists the API's resources.",
                )
            case HTTPException(status_code=405):
                problem = ProblemError(
                    METHOD_NOT_ALLOWED,
                    f"This resource does not take {request.method}.",
                    "The Allow header lists what it takes.",
                    headers=error.headers,
                )
            case _:
                problem = problem_of(error)
        trace = correlation_id(request.state.traceparent)
        if problem.kind.status == 500:  # noqa: PLR2004  # HTTP's number
            log.error("request failed", correlation_id=trace, exc_info=error)
        status, headers, body = problem_answer(problem, trace)
        response = Response(body, status)
        response.raw_headers = headers
        return response

    for kind in (
        HTTPException,
        RequestValidationError,
        ValidationError,
        TxPlatformError,
        psycopg.Error,
        ClientLeftError,
        Exception,
    ):
        app.add_exception_handler(kind, answer)
