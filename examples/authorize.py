"""Request a decision over HTTP, with safe retries.

    TXPLATFORM_API_KEY=… python examples/authorize.py http://localhost:8000 acc-1 1250 USD

The transaction_id is created once, before the first attempt, and never changes. That makes every
retry safe: a repeated id gets the first response again and is not charged twice.
"""

import os
import random
import sys
import time
import uuid
from typing import Any

import httpx

RETRIED = {500, 502, 503, 504}
"""Statuses to retry, since the request may not be recorded. A retry does not change a 4xx."""


def authorize(client: httpx.Client, purchase: dict[str, Any], give_up_s: float = 30) -> Any:
    """Return the decision with `decision`, `reasons`, `balance`, …; a decline is not an error.

    Raises:
        httpx.HTTPStatusError: The request was refused (4xx), or kept failing (5xx).
        httpx.TransportError: There was no response in time, so the outcome is unknown. Send the
            same transaction_id again later, before you tell the customer anything.
    """
    deadline = time.monotonic() + give_up_s
    wait_s = 0.1
    while True:
        try:
            response = client.post("/v1/process-transaction", json=purchase)
            if response.status_code not in RETRIED or time.monotonic() > deadline:
                return response.raise_for_status().json()
            pause_s = float(response.headers.get("Retry-After", wait_s))
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            pause_s = wait_s
        time.sleep(pause_s + random.uniform(0, wait_s))  # noqa: S311  # spreads callers, no secret
        wait_s = min(2 * wait_s, 5)


if __name__ == "__main__":
    if not sys.argv[4:] or "TXPLATFORM_API_KEY" not in os.environ:
        sys.exit(__doc__)
    url, account_id, amount, currency = sys.argv[1:5]
    purchase = {
        "transaction_id": str(uuid.uuid4()),
        "account_id": account_id,
        "amount": int(amount),
        "currency": currency,
        "merchant": {
            "id": "m-17",
            "name": "Corner Books",
            "category_code": "5942",
            "country": "USA",
        },
    }
    headers = {"Authorization": f"Bearer {os.environ['TXPLATFORM_API_KEY']}"}
    with httpx.Client(base_url=url, headers=headers, timeout=5) as api:
        try:
            decision = authorize(api, purchase)
        except httpx.HTTPStatusError as refused:
            problem = refused.response.json()  # RFC 9457, like every error of the API
            sys.exit(f"{problem['type']}: {problem['detail']} {problem['next_step']}")
    print(decision["decision"], decision["response_code"], decision["balance"])
