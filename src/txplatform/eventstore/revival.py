"""Makes typed values from parsed JSON, following the type hints of a dataclass."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from enum import Enum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, cast, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable

    Reviver = Callable[[Any], Any]


@cache
def field_revivers(cls: type) -> tuple[tuple[str, Reviver], ...]:
    """For each field that JSON cannot express, how to make its value from JSON."""
    hints = get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        reviver = reviver_for(hints[field.name])
        if reviver is not None:
            found.append((field.name, reviver))
    return tuple(found)


@cache
def reviver_for(hint: Any) -> Reviver | None:
    """How to make a value of this type from JSON; None where JSON's own value will do."""
    if hint is datetime:
        return datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if dataclasses.is_dataclass(hint):
        return _dataclass_reviver(cast("type", hint))
    if get_origin(hint) in (Union, UnionType):
        inner = [reviver_for(part) for part in get_args(hint) if part is not type(None)]
        return next((_optional(reviver) for reviver in inner if reviver is not None), None)
    if get_origin(hint) is tuple:
        element = reviver_for(get_args(hint)[0])
        return tuple if element is None else _tuple_of(element)
    return None


def _dataclass_reviver(cls: type) -> Reviver:
    revivers = field_revivers(cls)

    def revive(facts: dict[str, Any]) -> Any:
        for name, reviver in revivers:
            if name in facts:
                facts[name] = reviver(facts[name])
        return cls(**facts)

    return revive


def _optional(reviver: Reviver) -> Reviver:
    return lambda value: None if value is None else reviver(value)


def _tuple_of(reviver: Reviver) -> Reviver:
    return lambda values: tuple(reviver(value) for value in values)
