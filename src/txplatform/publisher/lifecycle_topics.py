"""The outbound topics of everything that happens to a purchase after its decision."""

from __future__ import annotations

from txplatform.contracts.outbound_lifecycle import (
    TransactionCleared,
    TransactionHoldExpired,
    TransactionRefunded,
    TransactionReversed,
    hold_expired,
    transaction_cleared,
    transaction_refunded,
    transaction_reversed,
)
from txplatform.domain.events import (
    AuthorizationReversed,
    ClearingCorrected,
    HoldExpired,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.publisher.topic import event_topic

TRANSACTION_CLEARED = event_topic(
    "transactions.transaction-cleared.v1",
    TransactionCleared,
    transaction_cleared,
    PurchaseCleared,
    ClearingCorrected,
)
"""Clearings and their corrections.

A correction is published as a credit, or as a debit if it corrects a refund. So the sum of
`posted_change` is the effect of all clearings on an account.
"""

TRANSACTION_REVERSED = event_topic(
    "transactions.transaction-reversed.v1",
    TransactionReversed,
    transaction_reversed,
    AuthorizationReversed,
)
"""Reversals, full and partial."""

TRANSACTION_REFUNDED = event_topic(
    "transactions.transaction-refunded.v1",
    TransactionRefunded,
    transaction_refunded,
    PurchaseRefunded,
)
"""Refunds, from callers and from the network."""

HOLD_EXPIRED = event_topic(
    "transactions.hold-expired.v1", TransactionHoldExpired, hold_expired, HoldExpired
)
"""Holds that were not cleared in time."""
