"""A recorded authorization, read to be judged again.

Only what judging needs is made of the stored JSON: reviving the whole event takes longer than
asking four rules. The purchase, which is all that rules see of it, is made from its own class.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import orjson

from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import Purchase

APPROVED, DECLINED = AuthorizationApproved.TOPIC, AuthorizationDeclined.TOPIC


@dataclass(slots=True)
class RecordedDecision:
    """A decision on one purchase, with everything it rested on.

    Attributes:
        version: The account's version after it.
        at: When it was decided.
        hold: What was held, minor units; 0 where it was declined.
        expires_at: When the hold ends by itself; None for never, as before holds ended at all.
        already_posted: The amount posted for it before it came, minor units.
        late: True if a clearing or reversal of it came first.
        ruleset: Id of the rule set that decided.
        reasons: As stored; empty where it was approved.
    """

    version: int
    approved: bool
    at: datetime
    event_id: str
    purchase: Purchase
    hold: int
    expires_at: datetime | None
    already_posted: int
    late: bool
    ruleset: str
    reasons: list[dict[str, Any]]

    @property
    def transaction_id(self) -> TransactionId:
        """The purchase's."""
        return self.purchase.transaction_id


def read_decision(version: int, topic: str, state: bytes) -> RecordedDecision:
    """Read a stored authorization, approved or declined; what an old one lacks is by default.

    Raises:
        ValueError, TypeError, LookupError: Its bytes are no such event.
    """
    stored = orjson.loads(state)
    purchase = msgspec.convert(stored["purchase"], Purchase)
    hold, expires_at = 0, None
    if approved := topic == APPROVED:
        held = stored.get("hold")
        hold = purchase.amount if held is None else held
        ends = stored.get("expires_at")
        expires_at = None if ends is None else datetime.fromisoformat(ends)
    return RecordedDecision(
        version,
        approved,
        datetime.fromisoformat(stored["timestamp"]),
        stored["event_id"],
        purchase,
        hold,
        expires_at,
        stored.get("already_posted", 0),
        stored.get("late", False),
        stored["ruleset"],
        [] if approved else stored["reasons"],
    )
