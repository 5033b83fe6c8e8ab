"""Serve the API and, as a baseline, an endpoint that has the same models but does nothing."""

from __future__ import annotations

import sys

from txplatform.api.server import listen, serve_api
from txplatform.bootstrap import create_api
from txplatform.contracts.decision import DecisionResponse
from txplatform.contracts.process_transaction import ProcessTransactionRequest
from txplatform.domain.money import Balance
from txplatform.settings import load_settings
from txplatform.telemetry import configure_logging

EMPTY_PATH = "/benchmark/empty"
_RESPONSE = DecisionResponse(
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


def main() -> int:
    """Serve until SIGTERM."""
    settings = load_settings()
    configure_logging(settings)
    api = create_api(settings)

    @api.app.post(EMPTY_PATH)
    async def empty(request: ProcessTransactionRequest) -> DecisionResponse:  # noqa: ARG001  # only parsed
        return _RESPONSE

    def on_ready() -> None:
        print("txplatform ready", file=sys.stderr, flush=True)

    return serve_api(api, listen(settings), on_ready)


if __name__ == "__main__":
    sys.exit(main())
