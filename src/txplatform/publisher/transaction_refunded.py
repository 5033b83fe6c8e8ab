"""`transactions.transaction-refunded.v1`: refunds, from callers and from the network."""

from __future__ import annotations

from txplatform.contracts.outbound_lifecycle import TransactionRefunded, transaction_refunded
from txplatform.domain.events import PurchaseRefunded
from txplatform.publisher.event_topic import event_topic

TRANSACTION_REFUNDED = event_topic(
    "transactions.transaction-refunded.v1",
    TransactionRefunded,
    transaction_refunded,
    PurchaseRefunded,
)
