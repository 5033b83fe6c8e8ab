"""Encode a decision as its message straight from the JSON that is stored of it.

The publisher does little else, and decoding the event first takes several times as long. Everything
here is derived from the contract, `TransactionDecisioned`, and from the stored classes: a field of
the contract that the purchase or the event has is copied as it is stored, or has its class's
default where an old event lacks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from msgspec import NODEFAULT, Raw, Struct, defstruct, inspect
from msgspec.json import Decoder, Encoder

from txplatform.contracts.encoding import rfc3339
from txplatform.contracts.outbound import TransactionDecisioned
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import account_of
from txplatform.domain.reasons import APPROVED_RESPONSE_CODE
from txplatform.domain.requests import Purchase

_WITH_MICROSECONDS = len("2026-11-20T10:15:00.123456Z")
_ENVELOPE = ("timestamp", "event_id", "traceparent", "purchase")
_GIVEN = ("account_id", "account_version", "decision", "decided_at")
"""The fields of the contract that are not stored, or not in the form that is published."""

_encode = Encoder().encode


class DecisionMessage(Struct, gc=False):
    """A decision's message.

    Attributes:
        body: JSON.
        decided_at: RFC 3339, as in the body.
        traceparent: The trace of the request that it answered.
    """

    account_id: str
    event_id: str
    decided_at: str
    traceparent: str
    body: bytes


def encode_decision(stream: str, version: int, kind: str, state: bytes) -> DecisionMessage:
    """Return the message of a stored decision.

    Raises:
        ValueError: The bytes are no such event.
    """
    account_id = account_of(stream)
    if kind == AuthorizationApproved.TOPIC:
        event = _read_approved(state)
        decided_at = _utc(event.timestamp)
        body = _approved(event, event.purchase, account_id, version, "approved", decided_at)
    else:
        event = _read_declined(state)
        decided_at = _utc(event.timestamp)
        body = _declined(event, event.purchase, account_id, version, "declined", decided_at)
    return DecisionMessage(account_id, event.event_id, decided_at, event.traceparent, _encode(body))


def _utc(text: str) -> str:
    """Return a stored time as it is published: with microseconds, stored or not, and Z for UTC."""
    if len(text) == _WITH_MICROSECONDS:
        return text
    return rfc3339(datetime.fromisoformat(text))


def _fields_of(kind: type) -> dict[str, inspect.Field]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.DataclassType | inspect.StructType)
    return {field.encode_name: field for field in info.fields}


def _reader(kind: type, names: Iterable[str], **types: Any) -> type[Struct]:
    """Return a Struct that reads these fields of a stored object.

    Args:
        kind: The class of the object.
        names: The fields; those that the class does not have are left out.
        types: What some of them are read as.
    """
    found = _fields_of(kind)
    read: list[Any] = []
    for name in filter(found.__contains__, names):
        type_ = types.get(name) or _read_as(found[name].type)
        default = found[name].default
        if default is NODEFAULT:
            read.append((name, type_))
        else:
            read.append((name, type_, Raw(_encode(default)) if type_ is Raw else default))
    return defstruct(kind.__name__, read, gc=False)


def _read_as(info: inspect.Type) -> Any:
    """Return the type that a stored value is read as: an object as its bytes, if it is whole."""
    match info:
        case inspect.DataclassType() | inspect.StructType():
            whole = all(field.required for field in info.fields)
            return Raw if whole else _reader(info.cls, _fields_of(info.cls))
        case inspect.VarTupleType():
            item: Any = _read_as(info.item_type)
            return tuple[item, ...]
        case inspect.UnionType():
            types = [each for each in map(_read_as, info.types) if each is not Any]
            return Any if not types else Raw if Raw in types else types[0] | None
        case _:
            return Any


def _is_time(info: inspect.Type) -> bool:
    types = info.types if isinstance(info, inspect.UnionType) else (info,)
    return any(isinstance(each, inspect.DateTimeType) for each in types)


def _composer(kind: type, **derived: str) -> tuple[Callable[[bytes], Any], Callable[..., Struct]]:
    """Return how events of this kind are read, and how a body is made of one.

    Args:
        kind: The event's class.
        derived: Expressions of the contract's fields that come of others of the event.
    """
    names = [field.name for field in fields(TransactionDecisioned)]
    purchase, own = _fields_of(Purchase), _fields_of(kind)
    sources = {name: name for name in _GIVEN} | derived
    for name in names:
        if name not in sources and name in purchase:
            sources[name] = f"purchase.{name}"
            if _is_time(purchase[name].type):
                sources[name] = f"{sources[name]} and utc({sources[name]})"
        elif name not in sources and name in own:
            sources[name] = f"event.{name}"
    body = defstruct(TransactionDecisioned.__name__, [(name, Any) for name in names], gc=False)
    parameters, values = ", ".join(_GIVEN), ", ".join(sources[name] for name in names)
    # Source made of the names above alone; getters of attributes would cost an eighth of the speed.
    make = eval(  # noqa: S307
        f"lambda event, purchase, {parameters}: body({values})", {"body": body, "utc": _utc}
    )
    read = [name for name in names if name not in _GIVEN]
    reader = _reader(kind, dict.fromkeys([*_ENVELOPE, *read]), purchase=_reader(Purchase, read))
    return Decoder(reader).decode, make


_read_approved, _approved = _composer(
    AuthorizationApproved, response_code=repr(APPROVED_RESPONSE_CODE), reasons="()"
)
_read_declined, _declined = _composer(
    AuthorizationDeclined,
    response_code="event.reasons[0].response_code",
    authorization_code="None",
)
