"""The base classes of commands: business keys, labels and the detection of copies.

A copy is a command with the same business key and compared fields as an earlier one. Commands and
events are msgspec Structs that the garbage collector does not track, so they must not be part of a
reference cycle. Their JSON omits fields with default values.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import ClassVar, NamedTuple, Self

import msgspec

from txplatform.domain.flags import Flag
from txplatform.domain.keys import waiting_key


class FieldDifferences(NamedTuple):
    """The names of the fields in which two commands differ, such as `amount` or `merchant.name`.

    Attributes:
        compared: The fields that must be equal in a copy.
        describing: The fields that may differ in a copy.
    """

    compared: tuple[str, ...]
    describing: tuple[str, ...]


class AccountCommand(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A request or an advice for one account.

    Attributes:
        LABEL: The command's kind as shown to people, such as `The payment`. It has no id, since
            an id may look like a card number.
        DESCRIBING: The fields that only describe, and are not compared in a repeated command.
        BUSINESS_TIME: The fields to take the business time from, in order of preference.
        COPY_CONFLICTS: True if the append itself refuses a repeated command, so earlier events
            need not be read. Applies only to opened accounts without waiting messages.
        READS_EARLIER: True if the decision depends on earlier events under the command's keys, so
            they must always be read.
    """

    LABEL: ClassVar[str]
    DESCRIBING: ClassVar[frozenset[str]] = frozenset()
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

    def differences(self, other: "AccountCommand") -> FieldDifferences:
        """Return the fields in which this command differs from another with the same key.

        A field that only one of them has is ignored. Commands of two classes with the same key
        always differ in another field.
        """
        compared: list[str] = []
        describing: list[str] = []
        names = (*self.__struct_fields__, *other.__struct_fields__, _OF_PRESENTMENTS)
        for name in dict.fromkeys(names):
            if name != _FLAGS and hasattr(self, name) and hasattr(other, name):
                place = describing if name in self.DESCRIBING else compared
                place += _differing(name, getattr(self, name), getattr(other, name))
        return FieldDifferences(tuple(compared), tuple(describing))


_FLAGS = "flags"
_OF_PRESENTMENTS = "direction"
"""A field of corrections, which follows from the class for clearings and refunds."""


def _differing(name: str, one: object, another: object) -> Iterator[str]:
    if one == another:
        return
    if is_dataclass(one) and type(one) is type(another):
        for field in fields(one):
            yield from _differing(
                f"{name}.{field.name}", getattr(one, field.name), getattr(another, field.name)
            )
    else:
        yield name


class FlaggedCommand(AccountCommand, frozen=True, kw_only=True):
    """A command that may come as an advice: its description was cleaned, and never refused.

    Attributes:
        flags: What cleaning found (`contracts/advice.py`); not compared in a repeated command.
    """

    flags: tuple[Flag, ...] = ()

    def flagged(self, *flags: Flag) -> Self:
        """Return the command with these flags."""
        return msgspec.structs.replace(self, flags=flags)


class EarlyAdvice(FlaggedCommand, frozen=True):
    """An advice that waits if it comes too early, such as before the account's opening."""

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, waiting_key(self.key))


class VersionedAdvice(FlaggedCommand, frozen=True):
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
