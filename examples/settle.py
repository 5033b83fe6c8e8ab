"""Post a settlement file over HTTP, a thousand clearings at a time, with safe retries.

    TXPLATFORM_API_KEY=… python examples/settle.py http://localhost:8000 clearings.jsonl

Each line is a JSON object with `clearing_id`, `account_id`, `transaction_id`, `amount` and
`currency`. A clearing is posted once, no matter how often it is sent. So the whole file can be
sent again, for instance after this program was killed.
"""

import json
import os
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

MAX_ITEMS = 1000
RETRIED = {500, 502, 503, 504}


def settle(
    client: httpx.Client, clearings: list[dict[str, Any]], give_up_s: float = 60
) -> list[dict[str, Any]]:
    """Post clearings; return the results for refused clearings, which need a person's attention.

    Raises:
        httpx.HTTPStatusError: A whole request was refused (4xx).
        RuntimeError: Some clearings were not confirmed in time: send the clearings again.
    """
    refused: list[dict[str, Any]] = []
    waiting = iter(clearings)
    again: list[dict[str, Any]] = []
    deadline = time.monotonic() + give_up_s
    while items := [*again, *islice(waiting, MAX_ITEMS - len(again))]:
        again = items
        try:
            response = client.post("/v1/clearings", json={"items": items})
            if response.status_code not in RETRIED:
                results = response.raise_for_status().json()["items"]
                pairs = list(zip(items, results, strict=True))
                refused += [result for _, result in pairs if result["result"] == "bad"]
                again = [item for item, result in pairs if result["result"] == "retry"]
        except httpx.TransportError:
            pass  # the outcome is unknown, so the items are sent again
        if again:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(again)} clearings not confirmed; send the file again")
            time.sleep(1)
    return refused


if __name__ == "__main__":
    if not sys.argv[2:] or "TXPLATFORM_API_KEY" not in os.environ:
        sys.exit(__doc__)
    url, path = sys.argv[1:3]
    headers = {"Authorization": f"Bearer {os.environ['TXPLATFORM_API_KEY']}"}
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    with httpx.Client(base_url=url, headers=headers, timeout=30) as api:
        try:
            bad = settle(api, lines)
        except httpx.HTTPStatusError as refused:
            problem = refused.response.json()  # RFC 9457, like every error of the API
            sys.exit(f"{problem['type']}: {problem['detail']} {problem['next_step']}")
    for each in bad:
        print(each["clearing_id"], each["reason"], each["detail"])
    print(f"{len(lines) - len(bad)} posted, {len(bad)} refused")
