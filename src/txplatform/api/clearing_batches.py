"""`POST /v1/clearings`: a settlement file's worth; each item stands for itself."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.body import documented_body, json_body
from txplatform.api.dependencies import ServicesOf, requires
from txplatform.api.problems import (
    BODY_TOO_LARGE,
    NOT_JSON,
    OVERLOADED,
    UNSUPPORTED_MEDIA_TYPE,
    documented,
    problem_of,
    validation_problem,
)
from txplatform.api.services import Services
from txplatform.api_keys import Scope
from txplatform.contracts.clearing import clearing_answer
from txplatform.contracts.clearing_batch import (
    ClearingBatchBody,
    ClearingBatchRequest,
    ClearingBatchResponse,
    ClearingItem,
    ClearingItemResponse,
    FieldError,
)
from txplatform.contracts.encoding import to_json
from txplatform.decisions.errors import QueueFullError, StoreUnavailableError
from txplatform.domain.commands.outcome import CommandRejectedError
from txplatform.domain.events import ClearingWaiting, PurchaseCleared
from txplatform.telemetry import correlation_id, logger

_MOST_BYTES = 1_048_576
"""A thousand items of the longest ids, with room for white space."""
_AT_ONCE = 100
"""Items in the lanes at one time: purchases are not to wait for a whole settlement file."""
_NOTHING_RECORDED = (QueueFullError, StoreUnavailableError)

router = APIRouter(tags=["settlement"])
_log = logger("api")


@router.post(
    "/v1/clearings",
    response_model=ClearingBatchResponse,
    dependencies=[requires(Scope.TRANSACTIONS_WRITE)],
    openapi_extra=documented_body(ClearingBatchRequest),
    responses=documented(NOT_JSON, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, OVERLOADED),
)
async def clear_purchases(
    request: Request,
    services: ServicesOf,
    body: Annotated[ClearingBatchBody, Depends(json_body(ClearingBatchBody, _MOST_BYTES))],
) -> Response:
    """Post up to 1,000 clearings, as many commits as they need, each item answered for itself.

    `clean` is recorded, whatever its flags; `bad` is refused, and harms no other; `retry` was
    not done or is not known to be: send it again, it is posted once. Where nothing at all was
    recorded for want of room or of the event store, the whole is 503.
    """
    traceparent = request.state.traceparent
    outcomes: list[ClearingItemResponse | Exception] = []
    for first in range(0, len(body.items), _AT_ONCE):
        places = range(first, min(first + _AT_ONCE, len(body.items)))
        outcomes += await asyncio.gather(
            *(_clear(services, place, body.items[place], traceparent) for place in places)
        )
    failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    answers = [
        outcome if isinstance(outcome, ClearingItemResponse) else _to_retry(item, outcome)
        for item, outcome in zip(body.items, outcomes, strict=True)
    ]
    answer = ClearingBatchResponse.of(answers)
    if failures and not answer.clean and all(isinstance(e, _NOTHING_RECORDED) for e in failures):
        raise failures[0]
    for failure in failures:
        if problem_of(failure).kind.status == 500:  # noqa: PLR2004  # HTTP's number
            _log.error("item failed", correlation_id=correlation_id(traceparent), exc_info=failure)
    return Response(to_json(answer), media_type="application/json")


async def _clear(
    services: Services, place: int, item: object, traceparent: str
) -> ClearingItemResponse | Exception:
    """What became of one item; an exception is one that may go well another time."""
    try:
        asked = ClearingItem.model_validate(item)
    except ValidationError as error:
        return _not_a_clearing(place, item, error)
    try:
        command = asked.to_item_clearing()
        decided = await services.decider.submit(command, traceparent=traceparent)
    except CommandRejectedError as error:
        return ClearingItemResponse(asked.clearing_id, "bad", error.reason, error.detail)
    except Exception as error:  # noqa: BLE001  # one item harms no other
        return error
    event = decided.outcome.event
    assert isinstance(event, PurchaseCleared | ClearingWaiting)
    answer = clearing_answer(event)
    return ClearingItemResponse(
        asked.clearing_id, "clean", flags=answer.flags, replayed=decided.replayed, clearing=answer
    )


def _not_a_clearing(place: int, item: object, error: ValidationError) -> ClearingItemResponse:
    problem = validation_problem(
        [
            {**each, "loc": ("items", place, *each["loc"])}
            for each in error.errors(include_input=False, include_url=False)
        ]
    )
    fields = {each["loc"][0] for each in error.errors() if each["loc"]}
    named = item.get("clearing_id") if isinstance(item, dict) else None
    return ClearingItemResponse(
        # One that is not well formed could be a card number.
        named if isinstance(named, str) and "clearing_id" not in fields else None,
        "bad",
        "validation",
        f"{problem.what} {problem.next_step}",
        errors=tuple(FieldError(each["pointer"], each["message"]) for each in problem.errors),
    )


def _to_retry(item: object, error: Exception) -> ClearingItemResponse:
    problem = problem_of(error)
    assert isinstance(item, dict)  # it was a well-formed clearing
    return ClearingItemResponse(
        item["clearing_id"],
        "retry",
        problem.kind.type.replace("-", "_"),
        f"{problem.what} Send it again: it is posted once.",
    )
