"""Make a response or message from the same-named fields of other objects.

A field that both have is not copied by hand. This takes some microseconds, so the response to a
purchase, which is made most often, is written out.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from txplatform.contracts.encoding import rfc3339
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import account_of

Kind = TypeVar("Kind")

_names: Callable[[Any], frozenset[str]] = cache(
    lambda kind: frozenset(field.name for field in fields(kind))
)


def from_same_fields(kind: type[Kind], *sources: object, **given: Any) -> Kind:
    """Make an object from the same-named fields of the sources.

    Args:
        kind: A dataclass.
        sources: If several of them have a field, the first one's value is taken.
        given: Values that go before those of the sources.

    Raises:
        TypeError: A field has neither a source nor a default, or `kind` has no such field.
    """
    for name in _names(kind) - given.keys():
        for source in sources:
            if hasattr(source, name):
                given[name] = getattr(source, name)
                break
    return kind(**given)


def from_event(kind: type[Kind], event: AccountEvent, **given: Any) -> Kind:
    """Make a response or message from an event and the command that it records.

    The time is named `decided_at` if the event is a decision, and `recorded_at` otherwise.
    """
    time = "decided_at" if "decided_at" in _names(kind) else "recorded_at"
    return from_same_fields(
        kind,
        event.command,
        event,
        account_id=account_of(event.originator_id),
        account_version=event.originator_version,
        **{time: rfc3339(event.timestamp)},
        **given,
    )
