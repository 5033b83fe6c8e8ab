"""`POST /v1/clearings`: post the clearings of a settlement file, each on its own."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import examples
from txplatform.api.authentication import require_account
from txplatform.api.body import JsonBody
from txplatform.api.dependencies import ServicesOf, requires
from txplatform.api.exception_handlers import problem_of
from txplatform.api.openapi_entries import documented
from txplatform.api.problems import ProblemError
from txplatform.api.responses import json_response
from txplatform.api.services import Services
from txplatform.api.validation_problems import refused_field_problems, validation_problem
from txplatform.api_keys import ApiKey, Scope
from txplatform.contracts.clearing_batch import (
    ClearingBatchBody,
    ClearingBatchRequest,
    ClearingBatchResponse,
    ClearingItem,
    ClearingItemResponse,
)
from txplatform.contracts.field_problems import InvalidField, InvalidFieldsError, validate
from txplatform.contracts.problems import FieldProblem, ProblemType
from txplatform.contracts.settlement import PresentmentEvent, clearing_response
from txplatform.decisions.errors import QueueFullError, StoreUnavailableError
from txplatform.domain.cause import CommandOrigin
from txplatform.domain.commands.outcome import CommandRejectedError
from txplatform.domain.events import PurchaseCleared
from txplatform.telemetry import correlation_id, logger

_MAX_BYTES = 8_388_608
"""Enough for 1,000 items with the longest fields, if text is written in UTF-8 without escapes."""
_AT_ONCE = 100
"""The most items to parse or submit at a time, so that purchases do not wait for a whole file."""
_NOTHING_RECORDED = (QueueFullError, StoreUnavailableError)

router = APIRouter(tags=["settlement"])

EXAMPLES = (
    ClearingBatchResponse.of(
        [
            ClearingItemResponse(
                "clr-1",
                "clean",
                clearing=clearing_response(examples.event(PurchaseCleared, examples.CLEARING)),
            ),
            ClearingItemResponse(
                "clr-2",
                "bad",
                "currency_mismatch",
                "The clearing is in EUR, but the account is in USD.",
                "currency",
            ),
        ]
    ),
)

_log = logger("api")


@router.post(
    "/v1/clearings",
    response_model=ClearingBatchResponse,
    responses=documented(
        ProblemType.NOT_JSON,
        ProblemType.BODY_TOO_LARGE,
        ProblemType.REQUEST_TIMEOUT,
        ProblemType.UNSUPPORTED_MEDIA_TYPE,
        ProblemType.OVERLOADED,
    ),
)
async def clear_purchases(
    request: Request,
    services: ServicesOf,
    key: Annotated[ApiKey, requires(Scope.TRANSACTIONS_WRITE, checks_accounts=True)],
    body: Annotated[
        ClearingBatchBody,
        Depends(
            JsonBody(ClearingBatchBody, described_as=ClearingBatchRequest, max_bytes=_MAX_BYTES)
        ),
    ],
) -> Response:
    """Post up to 1,000 presentments: clearings, credits and corrections.

    Each item succeeds or fails on its own. A `clean` item is posted, possibly with `flags`. A
    `waiting` item is recorded, and is posted when its account is opened or, for a correction, when
    its original arrives. A `bad` item was refused. A `retry` item may or may not have been
    recorded; it can be sent again safely, because a clearing is posted only once. If the key is
    limited to accounts, items of other accounts are `bad` with the reason `forbidden`. The response
    is 503 if no item was recorded because the queue was full or the event store was unavailable.
    """
    origin: CommandOrigin = request.state.origin
    parsed = await _parsed(body.items, key)
    valid = {place: item for place, item in parsed.items() if isinstance(item, ClearingItem)}
    outcomes: dict[int, ClearingItemResponse | Exception] = {}
    for places in _originals_first(valid):
        clearings = (_clear(services, place, valid[place], origin) for place in places)
        outcomes |= zip(places, await asyncio.gather(*clearings), strict=True)
    failures = [outcome for outcome in outcomes.values() if isinstance(outcome, Exception)]
    items = [
        _response(item, outcomes[place]) if isinstance(item, ClearingItem) else item
        for place, item in parsed.items()
    ]
    response = ClearingBatchResponse.of(items)
    recorded = response.clean or response.waiting
    if failures and not recorded and all(isinstance(e, _NOTHING_RECORDED) for e in failures):
        raise failures[0]
    for failure in failures:
        if problem_of(failure).type is ProblemType.INTERNAL:
            trace_id = correlation_id(origin.traceparent)
            _log.error("item failed", correlation_id=trace_id, exc_info=failure)
    return json_response(response)


async def _parsed(
    items: list[object], key: ApiKey
) -> dict[int, ClearingItem | ClearingItemResponse]:
    """Parse the items, and let other requests be served meanwhile."""
    parsed = {}
    for place, item in enumerate(items):
        if place % _AT_ONCE == 0:
            await asyncio.sleep(0)
        parsed[place] = _parse(place, item, key)
    return parsed


def _parse(place: int, item: object, key: ApiKey) -> ClearingItem | ClearingItemResponse:
    try:
        clearing = validate(ClearingItem, item)
        require_account(key, clearing.account_id)
    except InvalidFieldsError as error:
        return _not_a_clearing(place, item, error.fields)
    except ProblemError as problem:
        return ClearingItemResponse(
            clearing.clearing_id,
            "bad",
            problem.type.code,
            f"{problem.what} {problem.next_step}",
            "account_id",
        )
    return clearing


def _originals_first(items: Mapping[int, ClearingItem]) -> Iterator[list[int]]:
    """Yield the places of items to submit at the same time, a correction after its original."""
    left = dict(items)
    while left:
        coming = {(item.account_id, item.clearing_id) for item in left.values()}
        places = [
            place
            for place, item in left.items()
            if (item.account_id, item.reverses_clearing_id) not in coming
        ] or [*left]  # corrections of each other, which all wait
        for first in range(0, len(places), _AT_ONCE):
            yield places[first : first + _AT_ONCE]
        for place in places:
            del left[place]


async def _clear(
    services: Services, place: int, item: ClearingItem, origin: CommandOrigin
) -> ClearingItemResponse | Exception:
    """Post one item. Return its response, or the exception if the client should retry."""
    command = item.to_command()
    try:
        decided = await services.decider.submit(command, origin=origin)
    except CommandRejectedError as error:
        return ClearingItemResponse(
            item.clearing_id,
            "bad",
            error.reason,
            error.detail,
            error.fields[0] if error.fields else None,
            command.flags,
            _field_problems(refused_field_problems(error, "items", place)),
        )
    except Exception as error:  # noqa: BLE001  # does not stop the other items
        return error
    event = decided.outcome.event
    assert isinstance(event, PresentmentEvent)
    clearing = clearing_response(event, decided.outcome.differing_fields)
    return ClearingItemResponse(
        item.clearing_id,
        "waiting" if clearing.status == "waiting" else "clean",
        flags=clearing.flags,
        replayed=decided.replayed,
        clearing=clearing,
    )


def _not_a_clearing(
    place: int, item: object, fields: Sequence[InvalidField]
) -> ClearingItemResponse:
    problem = validation_problem(
        InvalidField(("items", place, *field.location), field.problem) for field in fields
    )
    invalid = [field.location for field in fields]
    named = item.get("clearing_id") if isinstance(item, dict) else None
    return ClearingItemResponse(
        named if isinstance(named, str) and ("clearing_id",) not in invalid else None,
        "bad",
        "validation",
        f"{problem.what} {problem.next_step}",
        problem.errors[0]["pointer"].partition(f"/items/{place}/")[2].replace("/", ".") or None,
        errors=_field_problems(problem.errors),
    )


def _field_problems(errors: Iterable[Mapping[str, str]]) -> tuple[FieldProblem, ...]:
    return tuple(FieldProblem(**each) for each in errors)


def _response(
    item: ClearingItem, outcome: ClearingItemResponse | Exception
) -> ClearingItemResponse:
    if isinstance(outcome, ClearingItemResponse):
        return outcome
    problem = problem_of(outcome)
    return ClearingItemResponse(
        item.clearing_id,
        "retry",
        problem.type.code.replace("-", "_"),
        f"{problem.what} Send it again; it is posted only once.",
    )
