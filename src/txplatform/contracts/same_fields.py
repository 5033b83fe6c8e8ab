"""Make a response from the same-named fields of other objects.

So a field that both have is not copied by hand between them. It takes some microseconds, so what is
made most often, a decision's response and the published messages, is written out.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from txplatform.contracts.times import rfc3339
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import account_of

Kind = TypeVar("Kind")


def from_same_fields(kind: type[Kind], *sources: object, **given: Any) -> Kind:
    """Make an object of the same-named fields of these.

    Args:
        kind: A dataclass.
        sources: Objects with such fields; of two that have a field the first is asked.
        given: The fields that no source has, or not in the form that is needed.

    Raises:
        TypeError: A field has neither source nor default, or `kind` has no such field.
    """
    for name in _names(kind) - given.keys():
        for source in sources:
            if hasattr(source, name):
                given[name] = getattr(source, name)
                break
    return kind(**given)


def from_event(kind: type[Kind], event: AccountEvent, **given: Any) -> Kind:
    """Make a response of an event and its command, at the event's version and time."""
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


def _names(kind: Any) -> set[str]:
    return {field.name for field in fields(kind)}
