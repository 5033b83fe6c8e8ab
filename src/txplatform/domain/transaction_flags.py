"""Flags of clearings, refunds and corrections: each posts all the same."""

from enum import StrEnum


class Flag(StrEnum):
    """Unusual circumstances of a clearing, a refund or a correction."""

    AFTER_EXPIRY = "after_expiry"
    AFTER_REVERSAL = "after_reversal"
    AFTER_FINAL = "after_final"
    NO_AUTHORIZATION = "no_authorization"
    OVER_HOLD = "over_hold"
    OVER_PURCHASE = "over_purchase"
    """A refund of more than what is posted of its purchase."""
    NO_CLEARING = "no_clearing"
    """A correction of a clearing that is not known."""
