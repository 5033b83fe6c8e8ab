"""Calls that fail through no fault of the visitor, and pages that are shown nevertheless."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

import psycopg

from txbank.tracing import logger
from txplatform_client import NoResponseError, ProblemError, UnexpectedResponseError

T = TypeVar("T")

FAILURES = (ProblemError, NoResponseError, UnexpectedResponseError, psycopg.OperationalError)
"""The errors of a service that refuses or fails, and of the own database."""

_NOT_THE_CALL = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
}

_log = logger("web")


def is_fault(error: Exception) -> bool:
    """Return whether a service is down, failed, or does not accept the key of the web bank."""
    if not isinstance(error, ProblemError):
        return True
    status = error.problem.status
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _NOT_THE_CALL


def read_or_none(read: Callable[[], T]) -> T | None:
    """Return a part of a page; None if the page has to be shown without it because of a fault.

    Raises:
        ProblemError: The service refused the call. For example, the account does not exist.
    """
    try:
        return read()
    except FAILURES as error:
        if not is_fault(error):
            raise
        _log.warning("a page is shown without a part", reason=str(error))
        return None
