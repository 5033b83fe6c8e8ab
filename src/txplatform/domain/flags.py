"""Flags: unusual circumstances of an advice. They never prevent its effect."""

from enum import StrEnum


class Flag(StrEnum):
    """One unusual circumstance of an advice, or a flaw of its description."""

    DECLINED = "declined"
    """The reversed purchase was declined."""
    AFTER_EXPIRY = "after_expiry"
    """The hold has expired."""
    AFTER_REVERSAL = "after_reversal"
    """For a clearing: the whole purchase was reversed. For a reversal: there was one before."""
    AFTER_FINAL = "after_final"
    """A final clearing was posted before."""
    AFTER_CLEARING = "after_clearing"
    """The reversed purchase was cleared before."""
    NO_AUTHORIZATION = "no_authorization"
    """The purchase was not approved or, for a reversal, not decided yet."""
    OVER_HOLD = "over_hold"
    """The amount exceeds the hold, and none of the flags above explains why."""
    OVER_PURCHASE = "over_purchase"
    """The refunds exceed the posted amount of the purchase."""
    CORRECTED_BEFORE = "corrected_before"
    """Another correction took the same posting back."""
    OVER_CLEARING = "over_clearing"
    """The corrections exceed the amount of the posting that they take back."""
    OTHER_TRANSACTION = "other_transaction"
    """The correction names another transaction than the posting that it takes back."""
    DESCRIPTION_INCOMPLETE = "description_incomplete"
    """Text was cut, a value could not be read, or a merchant has no id, category or country."""
    ID_LIKE_CARD_NUMBER = "id_like_card_number"
    """An id is or holds what looks like a card number."""
