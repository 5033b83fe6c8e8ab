"""`/v1/rulesets/{id}/shadowings`: evaluate rule sets in shadow, and list the differences."""

from datetime import timedelta
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import ServicesOf
from txplatform.api.lists import Cursor, Limit, documented_list
from txplatform.api.openapi_entries import REPLAYED, documented, documented_change
from txplatform.api.responses import json_response
from txplatform.api.rule_book_view import shadowing_response
from txplatform.api.rule_changes import (
    READING,
    RuleSetId,
    Writer,
    change_rules,
)
from txplatform.api.ruleset_examples import BOOK
from txplatform.contracts.cursors import Cursors
from txplatform.contracts.fields import Identifier
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.ruleset_requests import ShadowingRequest
from txplatform.contracts.ruleset_responses import (
    DisagreementResponse,
    DisagreementsResponse,
    ShadowingResponse,
    ShadowingsResponse,
)
from txplatform.rulebook.book import RuleBook
from txplatform.rulebook.store import (
    end_shadowing,
    find_ruleset,
    find_shadowing,
    read_book,
    start_shadowing,
)
from txplatform.shadow.store import (
    Progress,
    disagreement_cursors,
    list_disagreements,
    read_progress,
)

router = APIRouter(prefix="/v1/rulesets/{ruleset_id}/shadowings", tags=["rule sets"])

_SHADOWING = shadowing_response(BOOK.shadowings["sh-3"], Progress("sh-3", 9000, 2418, 17, 0))
_DISAGREEMENT = DisagreementResponse(
    log_position=8124,
    account_id="acc-1",
    account_version=41,
    event_id="0198a3c27d417b6e9f103c5e8a2d4b17",
    transaction_id="tx-1001",
    amount=260_000,
    currency="USD",
    decided_at=examples.AT + timedelta(days=9),
    decision="approved",
    reasons=[],
    shadow_decision="declined",
    shadow_reasons=[
        {
            "code": "amount_limit_exceeded",
            "response_code": "61",
            "message": "The purchase of 260000 USD is above the limit of 250000 for one purchase.",
            "observed": 260_000,
            "limit": 250_000,
        }
    ],
)
EXAMPLES = (
    _SHADOWING,
    ShadowingsResponse([_SHADOWING], None),
    DisagreementsResponse([_DISAGREEMENT], disagreement_cursors("sh-3").write(8124), 9000),
)


@router.get(
    "",
    response_model=ShadowingsResponse,
    responses=documented_list(ProblemType.RULESET_NOT_FOUND),
    dependencies=READING,
)
async def read_shadowings(
    services: ServicesOf, ruleset_id: RuleSetId, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Return this rule set's shadow evaluations, and how many decisions each would change."""

    def read(connection: psycopg.Connection) -> ShadowingsResponse:
        book, progress = read_book(connection), read_progress(connection)
        find_ruleset(book, ruleset_id)
        cursors = Cursors("shadowings", ruleset_id=ruleset_id)
        page, more = cursors.page(book.shadowings_of(ruleset_id), cursor, limit)
        return ShadowingsResponse(
            [shadowing_response(each, progress.get(each.shadowing_id)) for each in page], more
        )

    return json_response(await services.queries.run(read))


@router.post(
    "",
    response_model=ShadowingResponse,
    responses={
        200: {"headers": REPLAYED},
        **documented_change(ProblemType.RULESET_NOT_FOUND, ProblemType.RULESET_IN_FORCE),
    },
)
async def shadow_ruleset(
    services: ServicesOf,
    key: Writer,
    ruleset_id: RuleSetId,
    body: Annotated[ShadowingRequest, Depends(JsonBody(ShadowingRequest))],
) -> Response:
    """Start evaluating this rule set in shadow, without effect on decisions.

    Shortly after each decision, this rule set is evaluated on the account's state before that
    decision. The shadow evaluation ends if it is deleted, if another shadow evaluation starts, or
    if this rule set is activated.
    """

    def change(connection: psycopg.Connection) -> tuple[ShadowingResponse, bool]:
        recorded = start_shadowing(
            connection, body.shadowing_id, ruleset_id, reason=body.reason, by=key.cause
        )
        return _response(connection, recorded.book, body.shadowing_id), recorded.replayed

    shadowing, replayed = await change_rules(services, change)
    return json_response(shadowing, replayed=replayed)


@router.delete(
    "/{shadowing_id}",
    response_model=ShadowingResponse,
    responses=documented(ProblemType.SHADOWING_NOT_FOUND, ProblemType.OUTCOME_UNKNOWN),
)
async def end_shadowing_of_ruleset(
    services: ServicesOf, key: Writer, ruleset_id: RuleSetId, shadowing_id: Identifier
) -> Response:
    """End the shadow evaluation, and keep its results."""

    def change(connection: psycopg.Connection) -> ShadowingResponse:
        book = end_shadowing(connection, ruleset_id, shadowing_id, by=key.cause)
        return _response(connection, book, shadowing_id)

    return json_response(await change_rules(services, change))


@router.get(
    "/{shadowing_id}/disagreements",
    response_model=DisagreementsResponse,
    responses=documented_list(ProblemType.SHADOWING_NOT_FOUND),
    dependencies=READING,
)
async def read_disagreements(
    services: ServicesOf,
    ruleset_id: RuleSetId,
    shadowing_id: Identifier,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return the decisions that this rule set would have made differently, newest first."""

    def read(connection: psycopg.Connection) -> DisagreementsResponse:
        shadowing = find_shadowing(read_book(connection), ruleset_id, shadowing_id)
        return list_disagreements(connection, shadowing, limit=limit, cursor=cursor)

    return json_response(await services.queries.run(read))


def _response(
    connection: psycopg.Connection, book: RuleBook, shadowing_id: str
) -> ShadowingResponse:
    progress = read_progress(connection).get(shadowing_id)
    return shadowing_response(book.shadowings[shadowing_id], progress)
