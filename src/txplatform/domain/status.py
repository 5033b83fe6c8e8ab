"""The status of an account."""

from enum import StrEnum


class AccountStatus(StrEnum):
    """An account's status; closed is terminal."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


_STRICTNESS = tuple(AccountStatus)


def stricter(one: AccountStatus, other: AccountStatus) -> AccountStatus:
    """Return the stricter of two statuses; closed is the strictest, then frozen."""
    if one is other:
        return one
    return max(one, other, key=_STRICTNESS.index)
