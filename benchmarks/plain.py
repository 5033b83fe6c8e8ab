"""The yardstick of decisions: a plain FastAPI app in a process of its own.

It has the API's models and server, but no middleware, no authentication and no database. It parses
the request and returns a constant response.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI

from txplatform.api.process_transaction import PATH
from txplatform.contracts.decision import DecisionResponse
from txplatform.contracts.process_transaction import ProcessTransactionRequest
from txplatform.domain.money import Balance

_RESPONSE = DecisionResponse(
    kind="decision",
    transaction_id="tx-1001",
    account_id="acc-1",
    decision="approved",
    response_code="00",
    authorization_code="8K2D4Q",
    reasons=(),
    amount=1250,
    currency="USD",
    balance=Balance(500_000, 0, 1250, 498_750),
    ruleset="default@1",
    account_version=2,
    event_id="0" * 32,
    decided_at="2026-11-20T10:15:00.123456Z",
)

app = FastAPI()


@app.post(PATH)
async def respond(request: ProcessTransactionRequest) -> DecisionResponse:  # noqa: ARG001  # only parsed
    """Return the same response to every purchase."""
    return _RESPONSE


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="info",
        access_log=False,
    )
