"""The base classes of commands: business keys, labels and the detection of copies.

A copy is a command with the same business key and contents as an earlier command. Commands and
events are msgspec Structs that the garbage collector does not track, so they must not be part of a
reference cycle. Their JSON omits fields with default values.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

import msgspec

from txplatform.domain.keys import waiting_key


class AccountCommand(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A request or an advice for one account.

    Attributes:
        LABEL: Format string for `label`, such as `Payment {payment_id}`.
        DESCRIPTIVE: Informational fields, which a repeated command may omit.
        BUSINESS_TIME: The fields to take the business time from, in order of preference.
        COPY_CONFLICTS: True if the append itself refuses a repeated command, so earlier events
            need not be read. Applies only to opened accounts without waiting messages.
        READS_EARLIER: True if the decision depends on earlier events under the command's keys, so
            they must always be read.
    """

    LABEL: ClassVar[str]
    DESCRIPTIVE: ClassVar[frozenset[str]] = frozenset()
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ()
    COPY_CONFLICTS: ClassVar[bool] = False
    READS_EARLIER: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """The business key of the command and of its event."""
        raise NotImplementedError

    @property
    def keys(self) -> tuple[str, ...]:
        """The business keys to look up before the decision, starting with the command's own key."""
        return (self.key,)

    @property
    def business_time(self) -> datetime | None:
        """The time of the business event according to the sender, UTC. None if unknown."""
        times: Iterator[datetime | None] = (getattr(self, name) for name in self.BUSINESS_TIME)
        return next((time for time in times if time is not None), None)

    @property
    def label(self) -> str:
        """The command's kind and id as shown to people, such as `Payment p-1`."""
        return self.LABEL.format_map(msgspec.structs.asdict(self))

    def is_copy_of(self, other: object) -> bool:
        """Return whether two commands with the same key have the same contents."""
        if type(self) is not type(other):
            return False
        return all(
            one == another or (name in self.DESCRIPTIVE and (one is None or another is None))
            for name, one, another in (
                (name, getattr(self, name), getattr(other, name)) for name in self.__struct_fields__
            )
        )


class EarlyAdvice(AccountCommand, frozen=True):
    """An advice that waits if it comes too early, such as before the account's opening."""

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, waiting_key(self.key))


class VersionedAdvice(AccountCommand, frozen=True):
    """An advice that replaces older versions. The newest version wins in any order of arrival.

    Attributes:
        VERSION: The name of the field with the sender's version number. In `Account`, the field
            of the same name has the version in force.
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
