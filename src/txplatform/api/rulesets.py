"""`/v1/rulesets`: add, read and activate rule sets."""

from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import JsonBody, json_bytes
from txplatform.api.dependencies import ServicesOf
from txplatform.api.idempotency_key import check_idempotency_key
from txplatform.api.lists import Cursor, Limit, documented_list
from txplatform.api.openapi_entries import REPLAYED, documented, documented_change
from txplatform.api.responses import json_response
from txplatform.api.rule_book_view import activation_response, book_response, ruleset_response
from txplatform.api.rule_changes import READING, RuleSetId, Writer, change_rules
from txplatform.api.ruleset_examples import BOOK, ENTRIES, RULESET
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.ruleset_requests import ActivationRequest
from txplatform.contracts.ruleset_responses import (
    ActivationResponse,
    RuleBookResponse,
    RuleSetResponse,
)
from txplatform.contracts.ruleset_schema import ruleset_schema
from txplatform.contracts.rulesets import parse_ruleset
from txplatform.eventstore.account_currencies import account_currencies
from txplatform.rulebook.store import (
    activate,
    add_ruleset,
    read_book,
)

_MAX_BYTES = 1_048_576
"""Enough for 200 rules with long lists."""

router = APIRouter(prefix="/v1/rulesets", tags=["rule sets"])

EXAMPLES = (
    book_response(BOOK),
    ruleset_response(BOOK, RULESET.id),
    activation_response(ENTRIES[-1]),
)


@router.get("", response_model=RuleBookResponse, responses=documented_list(), dependencies=READING)
async def read_rulesets(
    services: ServicesOf, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Return the rule sets, oldest first, and the id of the active rule set."""
    book = await services.queries.run(
        lambda connection: book_response(read_book(connection), limit=limit, cursor=cursor)
    )
    return json_response(book)


@router.post(
    "",
    name="add_ruleset",
    summary="Add Rule Set",
    status_code=201,
    response_description="The rule set was added.",
    response_model=RuleSetResponse,
    responses={
        200: {
            "model": RuleSetResponse,
            "description": "The same rule set already existed.",
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
    """Add a rule set, which is immutable and has no effect until it is activated."""
    body = await json_bytes(request, _MAX_BYTES)
    header = request.headers.get("idempotency-key")

    def change(connection: psycopg.Connection) -> tuple[RuleSetResponse, bool]:
        # Parsed in the thread, because long lists would block the event loop.
        ruleset = parse_ruleset(body)
        check_idempotency_key(header, ruleset.id, "id of the rule set")
        added = add_ruleset(connection, ruleset, by=key.cause)
        currencies = account_currencies(connection)
        return ruleset_response(added.book, ruleset.id, currencies), added.replayed

    ruleset, replayed = await change_rules(services, change)
    return json_response(ruleset, 200 if replayed else 201, replayed=replayed)


@router.get(
    "/{ruleset_id}",
    response_model=RuleSetResponse,
    responses=documented(ProblemType.RULESET_NOT_FOUND),
    dependencies=READING,
)
async def read_ruleset(services: ServicesOf, ruleset_id: RuleSetId) -> Response:
    """Return one rule set with its content and activations."""
    ruleset = await services.queries.run(
        lambda connection: ruleset_response(
            read_book(connection), ruleset_id, account_currencies(connection)
        )
    )
    return json_response(ruleset)


@router.post(
    "/{ruleset_id}/activations",
    response_model=ActivationResponse,
    responses={200: {"headers": REPLAYED}, **documented_change(ProblemType.RULESET_NOT_FOUND)},
)
async def activate_ruleset(
    services: ServicesOf,
    key: Writer,
    ruleset_id: RuleSetId,
    body: Annotated[ActivationRequest, Depends(JsonBody(ActivationRequest))],
) -> Response:
    """Activate this rule set in every process within a second, without a restart.

    Each decision names the rule set used. To roll back, activate the previous rule set again.
    """
    recorded = await change_rules(
        services,
        lambda connection: activate(
            connection, body.activation_id, ruleset_id, reason=body.reason, by=key.cause
        ),
    )
    activation = recorded.book.activation(body.activation_id)
    return json_response(activation_response(activation), replayed=recorded.replayed)
