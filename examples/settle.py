"""Post a settlement file over HTTP, a thousand clearings at a time, with safe retries.

    TXPLATFORM_API_KEY=… python examples/settle.py http://localhost:8000 clearings.jsonl

Each line is a JSON object with the fields of docs/settlement.md. A clearing is posted once, no
matter how often the file is sent. The exit code is 1 if a line was refused.
"""

import json
import os
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from txplatform_client import ClearingResult, Client, TxPlatformClientError

MAX_ITEMS = 1000


def settle(
    client: Client, clearings: list[dict[str, Any]], give_up_s: float = 60
) -> list[ClearingResult]:
    """Post clearings, and return the result of each, in order.

    The client repeats failed calls. An item with the result `retry` goes into the next batch.
    """
    results: dict[int, ClearingResult] = {}
    coming = iter(range(len(clearings)))
    again: list[int] = []
    deadline = time.monotonic() + give_up_s
    while places := [*again, *islice(coming, MAX_ITEMS - len(again))]:
        batch = client.clear_purchases([clearings[place] for place in places])
        results |= zip(places, batch.items, strict=True)
        again = [place for place in places if results[place].result == "retry"]
        if again:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(again)} clearings not confirmed; send the file again")
            time.sleep(1)
    return [results[place] for place in sorted(results)]


def report(results: list[ClearingResult]) -> int:
    """Print each refused line with its field and reason, then counts; return the number refused."""
    counts = Counter({"posted": 0, "repeated": 0, "waiting": 0, "flagged": 0, "refused": 0})
    for line, each in enumerate(results, start=1):
        clean = "repeated" if each.replayed else "posted"
        counts[{"bad": "refused", "waiting": "waiting"}.get(each.result, clean)] += 1
        if each.result == "bad":
            where = f"line {line}, {each.clearing_id}: {each.field or 'item'}"
            print(f"{where}: {each.reason}. {each.detail}")
        counts["flagged"] += each.result == "clean" and bool(each.flags)
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return counts["refused"]


if __name__ == "__main__":
    if not sys.argv[2:] or "TXPLATFORM_API_KEY" not in os.environ:
        sys.exit(__doc__)
    lines = [json.loads(line) for line in Path(sys.argv[2]).read_text().splitlines()]
    with Client(sys.argv[1], os.environ["TXPLATFORM_API_KEY"], timeout_s=30) as client:
        try:
            refused = report(settle(client, lines))
        except TxPlatformClientError as error:
            sys.exit(str(error))
    sys.exit(1 if refused else 0)
