"""`transactions.transaction-cleared.v1`: clearings, and corrections of them.

Corrections are published here too, as credits (or debits, of refunds): so the sum of
`posted_change` is everything that clearings did to an account.
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
