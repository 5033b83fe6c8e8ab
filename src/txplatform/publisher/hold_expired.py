"""`transactions.hold-expired.v1`: holds that nothing cleared in time."""

from __future__ import annotations

from txplatform.contracts.outbound_lifecycle import TransactionHoldExpired, hold_expired
from txplatform.domain.events import HoldExpired
from txplatform.publisher.event_topic import event_topic

HOLD_EXPIRED = event_topic(
    "transactions.hold-expired.v1", TransactionHoldExpired, hold_expired, HoldExpired
)
