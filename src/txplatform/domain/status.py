"""The status of an account: usable, frozen or closed."""

from enum import StrEnum


class AccountStatus(StrEnum):
    """An account's status; closed is terminal."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


_STRICTNESS = (AccountStatus.ACTIVE, AccountStatus.FROZEN, AccountStatus.CLOSED)


def stricter(one: AccountStatus, other: AccountStatus) -> AccountStatus:
    """The one that allows less."""
    if one is other:
        return one
    return max(one, other, key=_STRICTNESS.index)
