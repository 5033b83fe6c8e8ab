"""Decode recorded authorizations for a backtest.

Only the fields that a backtest needs are decoded. Decoding the whole event takes twice as long,
mainly because of the values that each rule observed.
"""

from datetime import datetime

import msgspec

from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.reasons import Reason
from txplatform.domain.requests import Purchase

APPROVED, DECLINED = AuthorizationApproved.TOPIC, AuthorizationDeclined.TOPIC


class RecordedDecision(msgspec.Struct):
    """The decoded fields of an authorization event. `reasons` is empty for an approval."""

    timestamp: datetime
    event_id: str
    purchase: Purchase
    ruleset: str
    hold: int | None = None
    expires_at: datetime | None = None
    already_posted: int = 0
    late: bool = False
    reasons: tuple[Reason, ...] = ()

    @property
    def approved(self) -> bool:
        """True if the purchase was approved."""
        return not self.reasons

    @property
    def held(self) -> int:
        """The held amount of an approved purchase, minor units."""
        return self.purchase.amount if self.hold is None else self.hold


_decode = msgspec.json.Decoder(RecordedDecision).decode


def decode_decision(topic: str, state: bytes) -> RecordedDecision:
    """Decode the JSON of an authorization.

    Raises:
        ValueError: The JSON is damaged, for example a decline without a reason.
    """
    decision = _decode(state)
    if decision.approved is (topic == DECLINED):
        raise ValueError("a decline has a reason, and an approval has none")
    return decision
