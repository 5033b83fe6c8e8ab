"""Post a settlement file over HTTP, a thousand clearings at a time, with safe retries.

    TXPLATFORM_API_KEY=… python examples/settle.py http://localhost:8000 clearings.jsonl

Each line is a JSON object with `clearing_id`, `account_id`, `transaction_id`, `amount` and
`currency`; docs/contracts.md has more fields. A clearing is posted once, no matter how often it is
sent. So the whole file can be sent again, for instance after this program was killed.

The exit code is 1 if a line was refused. A line that waits is posted when its account is opened.
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
RETRIED = {500, 502, 503, 504}


def settle(
    client: httpx.Client, clearings: list[dict[str, Any]], give_up_s: float = 60
) -> list[dict[str, Any]]:
    """Post clearings; return the result of each, in order.

    Raises:
        httpx.HTTPStatusError: A whole request was refused (4xx).
        RuntimeError: Some clearings were not confirmed in time: send the clearings again.
    """
    results: dict[int, dict[str, Any]] = {}
    coming = iter(range(len(clearings)))
    again: list[int] = []
    deadline = time.monotonic() + give_up_s
    while places := [*again, *islice(coming, MAX_ITEMS - len(again))]:
        again = places
        try:
            items = [clearings[place] for place in places]
            response = client.post("/v1/clearings", json={"items": items})
            if response.status_code not in RETRIED:
                found = response.raise_for_status().json()["items"]
                results |= zip(places, found, strict=True)
                again = [place for place in places if results[place]["result"] == "retry"]
        except httpx.TransportError:
            pass  # the outcome is unknown, so the items are sent again
        if again:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(again)} clearings not confirmed; send the file again")
            time.sleep(1)
    return [results[place] for place in sorted(results)]


def report(results: list[dict[str, Any]]) -> int:
    """Print each refused line with its field and reason, then counts; return the number refused."""
    counts = Counter({"posted": 0, "repeated": 0, "waiting": 0, "flagged": 0, "refused": 0})
    for line, each in enumerate(results, start=1):
        if each["result"] == "bad":
            counts["refused"] += 1
            field = each["field"] or "item"
            print(
                f"line {line}, {each['clearing_id']}: {field}: {each['reason']}. {each['detail']}"
            )
        elif each["result"] == "waiting":
            counts["waiting"] += 1
        else:
            counts["repeated" if each["replayed"] else "posted"] += 1
            counts["flagged"] += bool(each["flags"])
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return counts["refused"]


if __name__ == "__main__":
    if not sys.argv[2:] or "TXPLATFORM_API_KEY" not in os.environ:
        sys.exit(__doc__)
    url, path = sys.argv[1:3]
    headers = {"Authorization": f"Bearer {os.environ['TXPLATFORM_API_KEY']}"}
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    with httpx.Client(base_url=url, headers=headers, timeout=30) as api:
        try:
            settled = settle(api, lines)
        except httpx.HTTPStatusError as refused:
            problem = refused.response.json()  # RFC 9457, like every error of the API
            sys.exit(f"{problem['type']}: {problem['detail']} {problem['next_step']}")
    if report(settled):
        sys.exit(1)
