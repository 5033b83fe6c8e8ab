"""Build responses and messages by copying fields of the same name from other objects.

Copying by name takes microseconds. `DecisionResponse`, the most frequent response, therefore has
its own code.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from txplatform.contracts.encoding import rfc3339
from txplatform.domain.events import AccountEvent
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.ids import account_of

Kind = TypeVar("Kind")

_names: Callable[[Any], frozenset[str]] = cache(
    lambda kind: frozenset(field.name for field in fields(kind))
)


def from_same_fields(kind: type[Kind], /, *sources: object, **given: Any) -> Kind:
    """Build a `kind`, copying each field from the first source that has a field of that name.

    Args:
        kind: A dataclass.
        sources: The objects to copy from, in order of precedence.
        given: Values of fields, by name; they take precedence over the sources.

    Raises:
        TypeError: A field has no value and no default, or `kind` lacks a field in `given`.
    """
    for name in _names(kind) - given.keys():
        for source in sources:
            if hasattr(source, name):
                given[name] = getattr(source, name)
                break
    return kind(**given)


def from_event(kind: type[Kind], event: AccountEvent, **given: Any) -> Kind:
    """Build a response or message from an event and its command.

    The event's time becomes `decided_at` if `kind` has that field, and `recorded_at` otherwise.
    """
    time = "decided_at" if "decided_at" in _names(kind) else "recorded_at"
    if "flags" in _names(kind) and isinstance(event, AdviceEvent):
        given.setdefault("flags", event.flags)  # the command's are only a part of them
    return from_same_fields(
        kind,
        event.command,
        event,
        account_id=account_of(event.originator_id),
        account_version=event.originator_version,
        **{time: rfc3339(event.timestamp)},
        **given,
    )
