"""`transactions.hold-expired.v1`: holds that nothing cleared in time."""

from __future__ import annotations

from txplatform.contracts.outbound_lifecycle import TransactionHoldExpired, hold_expired
from txplatform.domain.events import HoldExpired
from txplatform.publisher.told import topic_that_tells

HOLD_EXPIRED = topic_that_tells(
    "transactions.hold-expired.v1", TransactionHoldExpired, hold_expired, HoldExpired
)
