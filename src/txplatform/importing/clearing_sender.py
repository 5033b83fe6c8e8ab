"""Post settlement items with `POST /v1/clearings`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import orjson

from txplatform.contracts.clearing_batch import MAX_ITEMS, ClearingItem
from txplatform.importing.records import FileRecord, RecordOutcome, Result
from txplatform_client import ClearingResult, Client

_MAX_BYTES = 900_000
"""The size of a batch, below the 1 MiB that proxies commonly allow."""

_PAUSE_S = 0.5


def post_clearings(
    api: Client, records: Iterable[FileRecord], *, patience_s: float
) -> Iterator[RecordOutcome]:
    """Post items in batches, and yield the outcome of each.

    Args:
        api: The API, with a key that has the scope transactions:write.
        records: Settlement items.
        patience_s: The longest time for which the items of a batch are posted again after a passing
            fault.

    Raises:
        TxPlatformClientError: The API refuses the calls, or does not respond in time.
    """
    for batch in _batches(records):
        open_items = batch
        deadline = time.monotonic() + patience_s
        while open_items:
            results = api.clear_purchases([record.body for record in open_items]).items
            pairs = [*zip(open_items, results, strict=True)]
            late = time.monotonic() > deadline
            yield from (
                _outcome(record, result)
                for record, result in pairs
                if late or result.result != "retry"
            )
            open_items = [] if late else [i for i, r in pairs if r.result == "retry"]
            if open_items:
                time.sleep(_PAUSE_S)


def _batches(records: Iterable[FileRecord]) -> Iterator[list[FileRecord]]:
    """Yield the records in batches, each as large as one call allows."""
    batch: list[FileRecord] = []
    size = 0
    for record in records:
        item_size = len(orjson.dumps(record.body))
        if batch and (len(batch) == MAX_ITEMS or size + item_size > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += item_size + 1
    if batch:
        yield batch


def _outcome(record: FileRecord, result: ClearingResult) -> RecordOutcome:
    message = result.errors[0].message if result.errors else None
    results: dict[str, Result] = {
        "clean": "repeated" if result.replayed else "taken",
        "waiting": "waiting",
        "bad": "refused",
        "retry": "unknown",
    }
    return RecordOutcome(
        record,
        results[result.result],
        field=result.field,
        reason=result.reason,
        detail=result.detail or message or _differences(record, result),
        flags=tuple(result.flags),
    )


def _differences(record: FileRecord, result: ClearingResult) -> str | None:
    """Return a sentence with the fields in which a repeated item differs from the first copy.

    Metadata are compared too, since they name the file: one id in two files may be two
    presentments.
    """
    first = result.clearing
    if not result.replayed or first is None:
        return None
    fields = [*first.differing_fields]
    if first.metadata != ClearingItem.model_validate(record.body).metadata:
        fields.append("metadata")
    return f"Differs from the first copy in {', '.join(fields)}." if fields else None
