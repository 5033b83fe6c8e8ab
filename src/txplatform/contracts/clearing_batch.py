"""The clearings of a settlement file: the request, and the outcome of each item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.fields import Identifier
from txplatform.contracts.settlement import ClearingRequest, ClearingResponse
from txplatform.domain.events import Flag

MOST_ITEMS = 1000

_EXAMPLE: dict[str, JsonValue] = {
    "clearing_id": "clr-1",
    "account_id": "acc-1",
    "transaction_id": "tx-1001",
    "amount": 1200,
    "currency": "USD",
    "final": True,
    "occurred_at": "2026-11-22T03:00:00Z",
}


class ClearingItem(ClearingRequest):
    """A clearing of a batch, with its account and transaction."""

    model_config = with_example(**_EXAMPLE)

    account_id: Identifier
    transaction_id: Annotated[
        Identifier | None,
        Field(description="The purchase; null or absent if it was never authorized."),
    ] = None


class ClearingBatchRequest(RequestBody):
    """Clearings to post, each on its own."""

    model_config = with_example(items=[_EXAMPLE])

    items: Annotated[
        list[ClearingItem],
        Field(min_length=1, max_length=MOST_ITEMS, description="Each is posted on its own."),
    ]


class ClearingBatchBody(RequestBody):
    """A batch with items not validated yet, so that an invalid item does not refuse the others."""

    items: Annotated[list[Any], Field(min_length=1, max_length=MOST_ITEMS)]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """An invalid field of an item.

    Attributes:
        pointer: A JSON pointer within the whole body.
    """

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class ClearingItemResponse:
    """The outcome of one item.

    Attributes:
        clearing_id: Null if the item has no well-formed id.
        result: `clean`: recorded, and posted unless its `status` is `waiting`; `bad`: refused
            permanently; `retry`: not recorded, or not known; send it again, it is posted once.
        reason: A stable code; null for a clean item.
        detail: The reason in a sentence.
        flags: What is unusual about a clean item; it is posted nevertheless.
        errors: The invalid fields, if `reason` is `validation`.
        replayed: True if an earlier request or message already recorded this clearing.
        clearing: The recorded clearing of a clean item.
    """

    clearing_id: str | None
    result: Literal["clean", "bad", "retry"]
    reason: str | None = None
    detail: str | None = None
    flags: tuple[Flag, ...] = ()
    errors: tuple[FieldProblem, ...] = ()
    replayed: bool = False
    clearing: ClearingResponse | None = None


@dataclass(frozen=True, slots=True)
class ClearingBatchResponse:
    """The outcome of a batch.

    Attributes:
        clean: The number of items recorded, flagged ones included.
        bad: The number of items refused.
        retry: The number of items to send again.
        items: The outcome of each item, in the order of the request.
    """

    clean: int
    bad: int
    retry: int
    items: list[ClearingItemResponse]

    @classmethod
    def of(cls, items: list[ClearingItemResponse]) -> ClearingBatchResponse:
        """Return the response with these items and their counts."""
        results = [item.result for item in items]
        return cls(results.count("clean"), results.count("bad"), results.count("retry"), items)
