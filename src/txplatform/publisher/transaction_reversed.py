"""`transactions.transaction-reversed.v1`: reversals, whole or of a part."""

from __future__ import annotations

from txplatform.contracts.outbound_lifecycle import TransactionReversed, transaction_reversed
from txplatform.domain.events import AuthorizationReversed
from txplatform.publisher.told import topic_that_tells

TRANSACTION_REVERSED = topic_that_tells(
    "transactions.transaction-reversed.v1",
    TransactionReversed,
    transaction_reversed,
    AuthorizationReversed,
)
