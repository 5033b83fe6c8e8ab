"""`transactions.transaction-reversed.v1`: reversals, whole or of a part."""

from __future__ import annotations

from txplatform.contracts.outbound_lifecycle import TransactionReversed, transaction_reversed
from txplatform.domain.events import AuthorizationReversed
from txplatform.publisher.event_topic import event_topic

TRANSACTION_REVERSED = event_topic(
    "transactions.transaction-reversed.v1",
    TransactionReversed,
    transaction_reversed,
    AuthorizationReversed,
)
