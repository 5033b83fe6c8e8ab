"""The status of an account."""

from enum import StrEnum
from typing import Self


class AccountStatus(StrEnum):
    """An account's status; closed is terminal."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


class FreezeReason(StrEnum):
    """The reasons for a freeze that have a response code of their own, most important first."""

    STOLEN = "stolen"
    LOST = "lost"
    SUSPECTED_FRAUD = "suspected_fraud"

    @classmethod
    def of(cls, code: str | None) -> Self | None:
        """Return the reason with this code; None for any other code."""
        return cls(code) if code in _FREEZE_REASONS else None


_FREEZE_REASONS = frozenset(FreezeReason)
_STRICTNESS = tuple(AccountStatus)
_IMPORTANCE = (*FreezeReason, None)


def stricter(one: AccountStatus, other: AccountStatus) -> AccountStatus:
    """Return the stricter of two statuses; closed is the strictest, then frozen."""
    if one is other:
        return one
    return max(one, other, key=_STRICTNESS.index)


def more_important(one: FreezeReason | None, other: FreezeReason | None) -> FreezeReason | None:
    """Return the more important of two reasons for a freeze; no reason is the least important."""
    return min(one, other, key=_IMPORTANCE.index)
