"""The part that all commands have: a business key, a label, and the comparison with a copy."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar

from txplatform.domain.keys import waiting_key


class AccountCommand:
    """A request to one account, or an advice about it.

    Attributes:
        DESCRIPTIVE: Fields that only describe; a copy that leaves one out is still a copy.
        COPY_CONFLICTS: Whether a copy is found on append too, if the account is opened and nothing
            waits on it: then it is decided without its prior events, and records the same key.
    """

    __slots__ = ()

    DESCRIPTIVE: ClassVar[frozenset[str]] = frozenset()
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
                (field.name, getattr(self, field.name), getattr(other, field.name))
                for field in fields(self)  # type: ignore[arg-type]  # each command is a dataclass
            )
        )


class EarlyAdvice(AccountCommand):
    """An advice that can arrive before what it needs, and then waits for it."""

    __slots__ = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, waiting_key(self.key))


class VersionedAdvice(AccountCommand):
    """An advice that replaces the one before it; the newest version wins, whatever the order."""

    __slots__ = ()

    @property
    def version(self) -> int:
        """Counted by the sender; a higher one is newer."""
        raise NotImplementedError
