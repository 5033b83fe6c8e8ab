"""`/v1/rulesets`: add rule sets, and let one of them decide."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypeVar

import psycopg
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body, json_bytes
from txplatform.api.dependencies import ServicesOf
from txplatform.api.problems import (
    RULESET_NOT_FOUND,
    documented,
)
from txplatform.api.rule_changes import (
    READING,
    REPLAYED,
    RuleSetId,
    Writer,
    answer_of,
    change_rules,
    documented_change,
    who,
)
from txplatform.api.ruleset_answers import (
    ActivationResponse,
    RuleBookResponse,
    RuleSetResponse,
    activation_answer,
    book_answer,
    ruleset_answer,
)
from txplatform.contracts.ruleset_requests import ActivationRequest
from txplatform.contracts.rulesets import parse_ruleset, ruleset_schema
from txplatform.rulebook.store import (
    activate,
    add_ruleset,
    find_ruleset,
    read_book,
)

T = TypeVar("T")

_MOST_BYTES = 1_048_576
"""Two hundred rules with long lists."""

router = APIRouter(prefix="/v1/rulesets", tags=["rule sets"])


@router.get("", response_model=RuleBookResponse, responses=documented(), dependencies=READING)
async def read_rulesets(services: ServicesOf) -> Response:
    """Every rule set, and which one decides."""

    def read(connection: psycopg.Connection) -> RuleBookResponse:
        return book_answer(read_book(connection))

    return answer_of(await services.queries.run(read))


@router.post(
    "",
    summary="Add Rule Set",
    status_code=201,
    response_description="It was added.",
    response_model=RuleSetResponse,
    responses={
        200: {
            "model": RuleSetResponse,
            "description": "It was there, the same.",
            "headers": REPLAYED,
        },
        **documented_change(),
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
    body = await json_bytes(request, _MOST_BYTES)

    def change(connection: psycopg.Connection) -> tuple[RuleSetResponse, bool]:
        # In here, since to read long lists and to compare each with each holds up the event loop.
        ruleset = parse_ruleset(body)
        added = add_ruleset(connection, ruleset, by=who(key))
        return ruleset_answer(added.book, ruleset.id), added.replayed

    answer, replayed = await change_rules(services, change)
    return answer_of(answer, 200 if replayed else 201, replayed=replayed)


@router.get(
    "/{ruleset_id}",
    response_model=RuleSetResponse,
    responses=documented(RULESET_NOT_FOUND),
    dependencies=READING,
)
async def read_ruleset(services: ServicesOf, ruleset_id: RuleSetId) -> Response:
    """One rule set, whole, and who activated it, when and why."""

    def read(connection: psycopg.Connection) -> RuleSetResponse:
        book = read_book(connection)
        return ruleset_answer(book, find_ruleset(book, ruleset_id).id)

    return answer_of(await services.queries.run(read))


@router.post(
    "/{ruleset_id}/activations",
    response_model=ActivationResponse,
    responses={200: {"headers": REPLAYED}, **documented_change(RULESET_NOT_FOUND)},
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
    recorded = await change_rules(
        services,
        partial(
            activate,
            activation_id=body.activation_id,
            ruleset_id=ruleset_id,
            reason=body.reason,
            by=who(key),
        ),
    )
    return answer_of(activation_answer(recorded.entry), replayed=recorded.replayed)
