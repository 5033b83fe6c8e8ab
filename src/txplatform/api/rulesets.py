"""`/v1/rulesets`: add rule sets, let one decide, let one decide along and see what changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body, json_bytes
from txplatform.api.cursors import cursor_of, position_of
from txplatform.api.dependencies import ServicesOf, requires
from txplatform.api.keys import ApiKey, Scope
from txplatform.api.problems import (
    BODY_TOO_LARGE,
    ID_REUSED,
    NOT_JSON,
    OUTCOME_UNKNOWN,
    RULESET_IN_FORCE,
    RULESET_NOT_FOUND,
    SHADOWING_NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Kind,
    documented,
    documented_header,
)
from txplatform.api.ruleset_answers import (
    ActivationAnswer,
    DisagreementPage,
    RuleBookAnswer,
    RuleSetAnswer,
    ShadowingAnswer,
    ShadowingsAnswer,
    activation_answer,
    book_answer,
    ruleset_answer,
    shadowing_answer,
)
from txplatform.contracts.encoding import to_json
from txplatform.contracts.fields import Identifier
from txplatform.contracts.ruleset_requests import ActivationRequest, ShadowingRequest
from txplatform.contracts.rulesets import parse_ruleset, ruleset_schema
from txplatform.decisions.errors import OutcomeUnknownError, StoreUnavailableError
from txplatform.rulebook.store import (
    activate,
    add_ruleset,
    end_shadowing,
    find_ruleset,
    find_shadowing,
    read_book,
    start_shadowing,
)
from txplatform.shadow.store import list_disagreements, read_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from txplatform.api.services import Services
    from txplatform.rulebook.book import RuleBook, Shadowing
    from txplatform.shadow.store import Disagreement, Progress

T = TypeVar("T")

_MOST_BYTES = 1_048_576
"""Two hundred rules with long lists."""

RuleSetId = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9][a-z0-9-]{0,47}@[1-9][0-9]{0,9}$",
        description="Name and version.",
        examples=["retail@3"],
    ),
]
Writer = Annotated[ApiKey, Depends(requires(Scope.RULES_WRITE))]

router = APIRouter(prefix="/v1/rulesets", tags=["rule sets"])
_READING = [Depends(requires(Scope.RULES_READ))]
_REPLAYED = documented_header(
    "Idempotency-Replayed", "`true` where an earlier request had caused it already."
)


def _documented_writing(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    return documented(
        NOT_JSON, ID_REUSED, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, OUTCOME_UNKNOWN, *kinds
    )


@router.get("", response_model=RuleBookAnswer, responses=documented(), dependencies=_READING)
async def read_rulesets(services: ServicesOf) -> Response:
    """Every rule set, and which one decides."""
    return _answer(book_answer(await services.queries.run(read_book)))


@router.post(
    "",
    status_code=201,
    response_model=RuleSetAnswer,
    responses={
        200: {
            "model": RuleSetAnswer,
            "description": "It was there, the same.",
            "headers": _REPLAYED,
        },
        **_documented_writing(),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ruleset_schema()}},
        }
    },
)
async def add(request: Request, services: ServicesOf, key: Writer) -> Response:
    """Add a rule set. It is never changed, and decides nothing until it is activated."""
    ruleset = parse_ruleset(await json_bytes(request, _MOST_BYTES))
    recorded = await _change(services, partial(add_ruleset, ruleset=ruleset, by=_who(key)))
    answer = ruleset_answer(recorded.book, ruleset.id)
    return _answer(answer, 200 if recorded.replayed else 201, replayed=recorded.replayed)


@router.get(
    "/{ruleset_id}",
    response_model=RuleSetAnswer,
    responses=documented(RULESET_NOT_FOUND),
    dependencies=_READING,
)
async def read_ruleset(services: ServicesOf, ruleset_id: RuleSetId) -> Response:
    """One rule set, whole, and who activated it, when and why."""

    def read(connection: psycopg.Connection) -> RuleSetAnswer:
        book = read_book(connection)
        return ruleset_answer(book, find_ruleset(book, ruleset_id).id)

    return _answer(await services.queries.run(read))


@router.post(
    "/{ruleset_id}/activations",
    response_model=ActivationAnswer,
    responses={200: {"headers": _REPLAYED}, **_documented_writing(RULESET_NOT_FOUND)},
    openapi_extra=documented_body(ActivationRequest),
)
async def activate_ruleset(
    services: ServicesOf,
    key: Writer,
    ruleset_id: RuleSetId,
    body: Annotated[ActivationRequest, Depends(json_body(ActivationRequest))],
) -> Response:
    """Let this rule set decide, in every process within a second, without a restart.

    Each decision names the rule set it was made by. To go back, activate the one before.
    """
    recorded = await _change(
        services,
        partial(
            activate,
            activation_id=body.activation_id,
            ruleset_id=ruleset_id,
            reason=body.reason,
            by=_who(key),
        ),
    )
    return _answer(activation_answer(recorded.entry), replayed=recorded.replayed)


@router.get(
    "/{ruleset_id}/shadowings",
    response_model=ShadowingsAnswer,
    responses=documented(RULESET_NOT_FOUND),
    dependencies=_READING,
)
async def read_shadowings(services: ServicesOf, ruleset_id: RuleSetId) -> Response:
    """When this rule set decided along, and how often it would have decided otherwise."""

    def read(connection: psycopg.Connection) -> ShadowingsAnswer:
        book, progress = read_book(connection), read_progress(connection)
        find_ruleset(book, ruleset_id)
        return ShadowingsAnswer(
            [
                shadowing_answer(each, progress.get(each.shadowing_id))
                for each in book.shadowings.values()
                if each.ruleset_id == ruleset_id
            ]
        )

    return _answer(await services.queries.run(read))


@router.post(
    "/{ruleset_id}/shadowings",
    response_model=ShadowingAnswer,
    responses={
        200: {"headers": _REPLAYED},
        **_documented_writing(RULESET_NOT_FOUND, RULESET_IN_FORCE),
    },
    openapi_extra=documented_body(ShadowingRequest),
)
async def shadow_ruleset(
    services: ServicesOf,
    key: Writer,
    ruleset_id: RuleSetId,
    body: Annotated[ShadowingRequest, Depends(json_body(ShadowingRequest))],
) -> Response:
    """Let this rule set decide along, without effect, from now on; it ends another shadowing.

    It judges each decision a moment after it was made, on the state that it was made on. It ends
    when it is deleted, when another one begins, and when the rule set itself is activated.
    """
    recorded = await _change(
        services,
        partial(
            start_shadowing,
            shadowing_id=body.shadowing_id,
            ruleset_id=ruleset_id,
            reason=body.reason,
            by=_who(key),
        ),
    )
    return await _shadowing(
        services, recorded.book, ruleset_id, body.shadowing_id, replayed=recorded.replayed
    )


@router.delete(
    "/{ruleset_id}/shadowings/{shadowing_id}",
    response_model=ShadowingAnswer,
    responses=documented(SHADOWING_NOT_FOUND, OUTCOME_UNKNOWN),
)
async def end_shadowing_of_ruleset(
    services: ServicesOf, key: Writer, ruleset_id: RuleSetId, shadowing_id: Identifier
) -> Response:
    """Let this rule set decide along no more; what was found stays."""
    book = await _change(
        services,
        partial(end_shadowing, ruleset_id=ruleset_id, shadowing_id=shadowing_id, by=_who(key)),
    )
    return await _shadowing(services, book, ruleset_id, shadowing_id)


@router.get(
    "/{ruleset_id}/shadowings/{shadowing_id}/disagreements",
    response_model=DisagreementPage,
    responses=documented(SHADOWING_NOT_FOUND),
    dependencies=_READING,
)
async def read_disagreements(
    services: ServicesOf,
    ruleset_id: RuleSetId,
    shadowing_id: Identifier,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
) -> Response:
    """The decisions that this rule set would have made otherwise, the newest first."""
    before = position_of(cursor, "cursor") or None

    def read(
        connection: psycopg.Connection,
    ) -> tuple[Shadowing, Progress | None, list[Disagreement]]:
        shadowing = find_shadowing(read_book(connection), ruleset_id, shadowing_id)
        progress = read_progress(connection).get(shadowing_id)
        found = list_disagreements(connection, shadowing_id, limit=limit + 1, before=before)
        return shadowing, progress, found

    shadowing, progress, found = await services.queries.run(read)
    items = found[:limit]
    return _answer(
        DisagreementPage(
            items,
            cursor_of(items[-1].log_position) if len(found) > limit else None,
            shadowing.after_position if progress is None else progress.position,
        )
    )


async def _shadowing(
    services: Services,
    book: RuleBook,
    ruleset_id: str,
    shadowing_id: str,
    *,
    replayed: bool = False,
) -> Response:
    progress = await services.queries.run(read_progress)
    shadowing = find_shadowing(book, ruleset_id, shadowing_id)
    return _answer(shadowing_answer(shadowing, progress.get(shadowing_id)), replayed=replayed)


async def _change(services: Services, change: Callable[[psycopg.Connection], T]) -> T:
    """Make a change; where the database does not answer it may have been made."""
    try:
        return await services.queries.run(change)
    except StoreUnavailableError as error:
        raise OutcomeUnknownError from error


def _who(key: ApiKey) -> str:
    return f"{key.name} ({key.id})"


def _answer(answer: object, status: int = 200, *, replayed: bool = False) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(to_json(answer), status, headers, "application/json")
