"""The part that all commands have: a business key, a label, and the comparison with a copy.

Commands and events are msgspec Structs: stored bytes decode straight into them. Where their JSON
is stored, a field that has its default is left out. The garbage collector does not track them,
so none of them may refer to anything that refers back to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

import msgspec

from txplatform.domain.keys import waiting_key


class AccountCommand(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A request to one account, or an advice about it.

    Attributes:
        DESCRIPTIVE: Fields that only describe; a copy that leaves one out is still a copy.
        BUSINESS_TIME: Fields with the time, as the sender gives it, at which the command's subject
            happened or takes effect; the first that is not None counts.
        COPY_CONFLICTS: Whether a copy is found on append too, if the account is opened and nothing
            waits on it: then it is decided without its prior events, and records the same key.
    """

    DESCRIPTIVE: ClassVar[frozenset[str]] = frozenset()
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ()
    COPY_CONFLICTS: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """The business key that its event claims."""
        raise NotImplementedError

    @property
    def keys(self) -> tuple[str, ...]:
        """Business keys whose prior events a decision on it needs; its own comes first."""
        return (self.key,)

    @property
    def business_time(self) -> datetime | None:
        """The sender's time for it, UTC; None if the sender gave none."""
        times: Iterator[datetime | None] = (getattr(self, name) for name in self.BUSINESS_TIME)
        return next((time for time in times if time is not None), None)

    @property
    def label(self) -> str:
        """Kind and id, the subject of a sentence for people."""
        raise NotImplementedError

    def is_copy_of(self, other: object) -> bool:
        """Return whether this says the same as another command with the same key."""
        if type(self) is not type(other):
            return False
        return all(
            one == another or (name in self.DESCRIPTIVE and (one is None or another is None))
            for name, one, another in (
                (name, getattr(self, name), getattr(other, name)) for name in self.__struct_fields__
            )
        )


class EarlyAdvice(AccountCommand, frozen=True):
    """An advice that can arrive before what it needs, and then waits for it."""

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, waiting_key(self.key))


class VersionedAdvice(AccountCommand, frozen=True):
    """An advice that replaces the one before it; the newest version wins, whatever the order.

    Attributes:
        VERSION: Its field with the version that the sender counts; the account's field of the same
            name has the version in force.
    """

    VERSION: ClassVar[str]

    @property
    def terminal(self) -> bool:
        """True if it takes effect even if a newer version is in force."""
        return False
