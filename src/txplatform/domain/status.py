"""Whether an account may be used."""

from enum import StrEnum


class AccountStatus(StrEnum):
    """An account's status; closed is terminal."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"
