"""The request to post the clearings of a settlement file, and the response for each item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from annotated_types import MaxLen
from pydantic import Field, JsonValue
from typing_extensions import override

from txplatform.contracts import response_fields as out
from txplatform.contracts.advice import DescribedTransactionId
from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.fields import UrlId
from txplatform.contracts.json import REPEATED, NotJsonError, parse_lenient_json, repeated_keys
from txplatform.contracts.problems import MAX_FIELD_PROBLEMS, FieldProblem
from txplatform.contracts.settlement import ClearingRequest, ClearingResponse

MAX_ITEMS = 1000

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
    """One presentment in a batch, with its account and transaction."""

    model_config = with_example(**_EXAMPLE)

    account_id: UrlId
    transaction_id: DescribedTransactionId = None


class ClearingBatchRequest(RequestBody):
    """Presentments to post independently of each other."""

    model_config = with_example(items=[_EXAMPLE])

    items: Annotated[
        list[ClearingItem],
        Field(min_length=1, max_length=MAX_ITEMS, description="Each item is posted on its own."),
    ]


class ClearingBatchBody(RequestBody):
    """A batch whose items are validated separately, so that an invalid item fails alone."""

    items: Annotated[list[Any], Field(min_length=1, max_length=MAX_ITEMS)]

    @override
    @classmethod
    def parse(cls, data: bytes) -> Any:
        """Parse the JSON of a batch. What cannot be read in an item harms no other item."""
        value = parse_lenient_json(data)
        if repeated_keys(value):
            raise NotJsonError(REPEATED)
        return value


ItemResult = Literal["clean", "waiting", "bad", "retry"]


@dataclass(frozen=True, slots=True)
class ClearingItemResponse:
    """The outcome of one item.

    Attributes:
        clearing_id: Null if the item has no well-formed id.
        result: `clean`: posted, now or earlier. `waiting`: recorded; its account, or the
            presentment that it takes back, is not known yet. `bad`: refused permanently. `retry`:
            perhaps not recorded; send the item again (it is never posted twice).
        reason: A stable code; null if the item is recorded.
        field: The first field at fault in a bad item, such as `amount`; null if none is known.
        flags: Unusual circumstances, and flaws of the description. They never prevent posting.
        errors: All fields at fault in a bad item.
        replayed: True if an earlier request or message already recorded this clearing.
        clearing: The recorded clearing; null if the item is not recorded.
    """

    clearing_id: out.BusinessId | None
    result: ItemResult
    reason: out.ReasonCode | None = None
    detail: out.Detail | None = None
    field: out.FieldName | None = None
    flags: out.Flags = ()
    errors: Annotated[tuple[FieldProblem, ...], MaxLen(MAX_FIELD_PROBLEMS)] = ()
    replayed: bool = False
    clearing: ClearingResponse | None = None


@dataclass(frozen=True, slots=True)
class ClearingBatchResponse:
    """The outcome of a batch.

    Attributes:
        clean: The number of posted items, including flagged ones.
        waiting: The number of items that are recorded, but cannot be posted yet.
        bad: The number of refused items.
        retry: The number of items to send again.
        items: The outcome of each item, in the order of the request.
    """

    clean: out.Count
    waiting: out.Count
    bad: out.Count
    retry: out.Count
    items: Annotated[list[ClearingItemResponse], MaxLen(MAX_ITEMS)]

    @classmethod
    def of(cls, items: list[ClearingItemResponse]) -> ClearingBatchResponse:
        """Return the response with these items and the count of each result."""
        results = [item.result for item in items]
        counts: dict[str, int] = {name: results.count(name) for name in get_args(ItemResult)}
        return cls(**counts, items=items)
