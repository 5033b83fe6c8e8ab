"""Post settlement items with `POST /v1/clearings`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from txplatform.contracts.clearing_batch import MAX_ITEMS, ClearingItem
from txplatform.importing.platform_api import PlatformApi
from txplatform.importing.records import FileRecord, RecordOutcome, Result

_MAX_BYTES = 900_000
"""The size of a batch, below the 1 MiB that proxies commonly allow."""

_PAUSE_S = 0.5


def post_clearings(api: PlatformApi, records: Iterable[FileRecord]) -> Iterator[RecordOutcome]:
    """Post items in batches, and yield the outcome of each.

    Items with a passing fault are posted again while the API's patience lasts.

    Raises:
        ApiError: The API refuses the calls, or does not respond in time.
    """
    for batch in _batches(records):
        open_items = batch
        deadline = time.monotonic() + api.patience_s
        while open_items:
            body = b'{"items":[%b]}' % b",".join(item for _, item in open_items)
            results = api.post("/v1/clearings", body)["items"]
            pairs = [*zip(open_items, results, strict=True)]
            late = time.monotonic() > deadline
            yield from (
                _outcome(record, result)
                for (record, _), result in pairs
                if late or result["result"] != "retry"
            )
            open_items = [] if late else [i for i, r in pairs if r["result"] == "retry"]
            if open_items:
                time.sleep(_PAUSE_S)


def _batches(records: Iterable[FileRecord]) -> Iterator[list[tuple[FileRecord, bytes]]]:
    """Yield records with their JSON, as many as one call can have."""
    batch: list[tuple[FileRecord, bytes]] = []
    size = 0
    for record in records:
        item = orjson.dumps(record.body)
        if batch and (len(batch) == MAX_ITEMS or size + len(item) > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((record, item))
        size += len(item) + 1
    if batch:
        yield batch


def _outcome(record: FileRecord, result: dict[str, Any]) -> RecordOutcome:
    errors = result.get("errors") or [{}]
    results: dict[str, Result] = {
        "clean": "repeated" if result.get("replayed") else "taken",
        "waiting": "waiting",
        "bad": "refused",
        "retry": "unknown",
    }
    return RecordOutcome(
        record,
        results[result["result"]],
        field=result.get("field"),
        reason=result.get("reason"),
        detail=result.get("detail") or errors[0].get("message") or _differences(record, result),
        flags=tuple(result.get("flags") or ()),
    )


def _differences(record: FileRecord, result: dict[str, Any]) -> str | None:
    """Return in which fields a repeated item differs from the first copy.

    Metadata name the file: one id in two files may be two presentments.
    """
    first = result.get("clearing")
    if not result.get("replayed") or first is None:
        return None
    fields = [*first["differing_fields"]]
    if first["metadata"] != ClearingItem.model_validate(record.body).metadata:
        fields.append("metadata")
    return f"Differs from the first copy in {', '.join(fields)}." if fields else None
