"""`transactions.transaction-cleared.v1`: clearings, and what the network took back of them.

Corrections are told here too, as credits (or debits, of refunds): so a reader who adds up
`posted_change` has all that clearings did to an account.
"""

from __future__ import annotations

from txplatform.contracts.outbound_lifecycle import TransactionCleared, transaction_cleared
from txplatform.domain.events import ClearingCorrected, PurchaseCleared
from txplatform.publisher.event_topic import event_topic

TRANSACTION_CLEARED = event_topic(
    "transactions.transaction-cleared.v1",
    TransactionCleared,
    transaction_cleared,
    PurchaseCleared,
    ClearingCorrected,
)
