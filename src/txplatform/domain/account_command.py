"""The properties of all commands: business key, label, and the comparison with a copy.

Commands and events are msgspec Structs, so stored bytes decode straight into them. Their JSON
leaves out fields that have their default. The garbage collector does not track them, so they must
not be part of a reference cycle.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

import msgspec

from txplatform.domain.keys import waiting_key


class AccountCommand(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A request to one account, or an advice about it.

    Attributes:
        LABEL: Kind and id as a format of the fields, the subject of a sentence for people.
        DESCRIPTIVE: Fields that only describe; a copy that leaves one out is still a copy.
        BUSINESS_TIME: Fields with the time, as the sender gives it, at which the command's subject
            happened or takes effect; the first that is not None counts.
        COPY_CONFLICTS: True if a copy on an opened account without waiting messages records the
            same key, so that the append detects it without a read of prior events.
    """

    LABEL: ClassVar[str]
    DESCRIPTIVE: ClassVar[frozenset[str]] = frozenset()
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ()
    COPY_CONFLICTS: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """The business key that the command's event claims."""
        raise NotImplementedError

    @property
    def keys(self) -> tuple[str, ...]:
        """The business keys whose prior events the decision needs; the command's own is first."""
        return (self.key,)

    @property
    def business_time(self) -> datetime | None:
        """The sender's time of the command's subject, UTC; None if the sender gave none."""
        times: Iterator[datetime | None] = (getattr(self, name) for name in self.BUSINESS_TIME)
        return next((time for time in times if time is not None), None)

    @property
    def label(self) -> str:
        """Kind and id, such as `Payment p-1`."""
        return self.LABEL.format_map(msgspec.structs.asdict(self))

    def is_copy_of(self, other: object) -> bool:
        """Return whether another command with the same key has the same contents."""
        if type(self) is not type(other):
            return False
        return all(
            one == another or (name in self.DESCRIPTIVE and (one is None or another is None))
            for name, one, another in (
                (name, getattr(self, name), getattr(other, name)) for name in self.__struct_fields__
            )
        )


class EarlyAdvice(AccountCommand, frozen=True):
    """An advice that waits if it arrives before its prerequisite."""

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, waiting_key(self.key))


class VersionedAdvice(AccountCommand, frozen=True):
    """An advice that replaces the one before it; the newest version wins in any order.

    Attributes:
        VERSION: The field with the sender's version number. The account's field of the same name
            has the version in force.
    """

    VERSION: ClassVar[str]

    @property
    def version(self) -> int:
        """The sender's version number."""
        number: int = getattr(self, self.VERSION)
        return number

    @property
    def terminal(self) -> bool:
        """True if the advice takes effect even when a newer version is in force."""
        return False
