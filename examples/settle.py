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

import httpx

MAX_ITEMS = 1000
Results = list[dict[str, Any]]


def settle(client: httpx.Client, clearings: Results, give_up_s: float = 60) -> Results:
    """Post clearings, and return the result of each, in order."""
    results: dict[int, dict[str, Any]] = {}
    coming = iter(range(len(clearings)))
    again: list[int] = []
    deadline = time.monotonic() + give_up_s
    while places := [*again, *islice(coming, MAX_ITEMS - len(again))]:
        again = places
        try:
            items = [clearings[place] for place in places]
            response = client.post("/v1/clearings", json={"items": items})
            if response.is_client_error:
                problem = response.json()  # RFC 9457, like every error of the API
                sys.exit(f"{problem['type']}: {problem['detail']} {problem['next_step']}")
            if response.is_success:
                results |= zip(places, response.json()["items"], strict=True)
                again = [place for place in places if results[place]["result"] == "retry"]
        except httpx.TransportError:
            pass  # the outcome is unknown, so the items are sent again
        if again:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(again)} clearings not confirmed; send the file again")
            time.sleep(1)
    return [results[place] for place in sorted(results)]


def report(results: Results) -> int:
    """Print each refused line with its field and reason, then counts; return the number refused."""
    counts = Counter({"posted": 0, "repeated": 0, "waiting": 0, "flagged": 0, "refused": 0})
    for line, each in enumerate(results, start=1):
        clean = "repeated" if each.get("replayed") else "posted"
        counts[{"bad": "refused", "waiting": "waiting"}.get(each["result"], clean)] += 1
        if each["result"] == "bad":
            where = f"line {line}, {each['clearing_id']}: {each['field'] or 'item'}"
            print(f"{where}: {each['reason']}. {each['detail']}")
        counts["flagged"] += each["result"] == "clean" and bool(each["flags"])
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return counts["refused"]


if __name__ == "__main__":
    if not sys.argv[2:] or "TXPLATFORM_API_KEY" not in os.environ:
        sys.exit(__doc__)
    headers = {"Authorization": f"Bearer {os.environ['TXPLATFORM_API_KEY']}"}
    lines = [json.loads(line) for line in Path(sys.argv[2]).read_text().splitlines()]
    with httpx.Client(base_url=sys.argv[1], headers=headers, timeout=30) as api:
        sys.exit(1 if report(settle(api, lines)) else 0)
