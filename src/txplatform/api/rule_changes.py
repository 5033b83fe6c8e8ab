"""What the endpoints about rule sets share: who may, how a change is made, how it is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import psycopg
from fastapi import Path
from starlette.responses import Response

from txplatform.api.dependencies import requires
from txplatform.api.problems import (
    BODY_TOO_LARGE,
    ID_REUSED,
    NOT_JSON,
    OUTCOME_UNKNOWN,
    UNSUPPORTED_MEDIA_TYPE,
    Kind,
    documented,
    documented_header,
)
from txplatform.api.services import Services
from txplatform.api_keys import ApiKey, Scope
from txplatform.contracts.encoding import to_json
from txplatform.decisions.errors import OutcomeUnknownError, StoreUnavailableError

T = TypeVar("T")

RuleSetId = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9][a-z0-9-]{0,47}@[1-9][0-9]{0,9}$",
        description="Name and version.",
        examples=["retail@3"],
    ),
]
Writer = Annotated[ApiKey, requires(Scope.RULES_WRITE)]

READING = [requires(Scope.RULES_READ)]
REPLAYED = documented_header(
    "Idempotency-Replayed", "`true` where an earlier request had caused it already."
)


def documented_change(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries of the problems that a change may be answered with, beside its own."""
    return documented(
        NOT_JSON, ID_REUSED, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, OUTCOME_UNKNOWN, *kinds
    )


async def change_rules(services: Services, change: Callable[[psycopg.Connection], T]) -> T:
    """Make a change; where the database does not answer it may have been made."""
    try:
        return await services.queries.run(change)
    except StoreUnavailableError as error:
        raise OutcomeUnknownError from error


def who(key: ApiKey) -> str:
    """Whoever made a change, as the rule book keeps it."""
    return f"{key.name} ({key.id})"


def answer_of(answer: object, status: int = 200, *, replayed: bool = False) -> Response:
    """An answer as JSON."""
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(to_json(answer), status, headers, "application/json")
