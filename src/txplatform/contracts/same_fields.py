"""Make a response or a message from the same-named fields of other objects.

So a field that both have is not copied by hand between them.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import account_of

Kind = TypeVar("Kind")


def from_same_fields(kind: type[Kind], *sources: object, **given: Any) -> Kind:
    """Make an object of the same-named fields of these.

    Args:
        kind: A dataclass.
        sources: Dataclasses; of two that have a field the first is asked.
        given: The fields that no source has, or not in the form that is needed.

    Raises:
        TypeError: A field has neither source nor default, or `kind` has no such field.
    """
    target: Any = kind
    for name, place in _found(target, *map(type, sources)):
        if name not in given:
            given[name] = getattr(sources[place], name)
    return kind(**given)


def from_event(kind: type[Kind], event: AccountEvent, value: object, **given: Any) -> Kind:
    """Make a response or a message of an event and of the value in it, at the event's version."""
    return from_same_fields(
        kind,
        value,
        event,
        account_id=account_of(event.originator_id),
        account_version=event.originator_version,
        **given,
    )


@cache
def _found(kind: Any, *sources: type) -> tuple[tuple[str, int], ...]:
    """Return the fields that some of these types have, each with the place of the first one."""
    return tuple(
        (field.name, place)
        for field in fields(kind)
        for place in [place for place, source in enumerate(sources) if _has(source, field.name)][:1]
    )


def _has(source: Any, name: str) -> bool:
    """Return whether objects of this type have a field or a property of this name."""
    return hasattr(source, name) or name in getattr(source, "__dataclass_fields__", ())
