"""`transactions.transaction-decisioned.v1`: every decision, both approvals and declines.

Records are encoded directly from the events' stored JSON. Decoding the events first would take
several times as long, and most of the publisher's work is encoding. The encoder is generated from
`TransactionDecisioned` (the contract) and the event classes: it copies every contract field that is
stored in the event or the event's purchase. For a field that an old event lacks, it publishes the
default of the event's class.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from msgspec import NODEFAULT, Raw, Struct, defstruct, inspect
from msgspec.json import Decoder, Encoder
from typing_extensions import override

from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.encoding import rfc3339
from txplatform.contracts.outbound import TransactionDecisioned
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import account_of
from txplatform.domain.reasons import APPROVED_RESPONSE_CODE
from txplatform.domain.requests import Purchase
from txplatform.publisher.feed import Record
from txplatform.publisher.topic import OutboundTopic, position_headers

_WITH_MICROSECONDS = len("2026-11-20T10:15:00.123456Z")
_ENVELOPE = ("timestamp", "event_id", "traceparent", "tracestate", "purchase", "hold")
_PARAMETERS = ("account_id", "account_version", "decided_at")
"""The contract fields that are not stored, or not in the published form."""

_to_json = Encoder().encode


class DecisionTopic(OutboundTopic):
    """The topic of decisions, encoded from their stored JSON."""

    @override
    def encode(self, position: int, stream: str, version: int, kind: str, state: bytes) -> Record:
        read, compose = _CODECS[kind]
        event = read(state)
        account_id, decided_at = account_of(stream), _utc(event.timestamp)
        body = compose(event, event.purchase, account_id, version, decided_at)
        headers = binary_headers(
            event_id=event.event_id,
            event_type=self.name,
            subject=account_id,
            time=decided_at,
            trace=(event.traceparent, event.tracestate),
        )
        headers += position_headers(event.event_id, version, position)
        return Record(self.name, account_id.encode(), _to_json(body), headers)


def _utc(text: str) -> str:
    """Return a stored time in the published form, with microseconds and Z for UTC."""
    if len(text) == _WITH_MICROSECONDS:
        return text
    return rfc3339(datetime.fromisoformat(text))


def _fields_of(kind: type) -> dict[str, inspect.Field]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.DataclassType | inspect.StructType)
    return {field.encode_name: field for field in info.fields}


def _reader(kind: type, names: Iterable[str], **types: Any) -> type[Struct]:
    """Return a Struct class that decodes only the named fields of a stored object.

    Args:
        kind: The class of the object.
        names: The names of the fields; fields that the class lacks are skipped.
        types: Types that replace those declared in the class, by field name.
    """
    found = _fields_of(kind)
    read: list[Any] = []
    for name in filter(found.__contains__, names):
        type_ = types.get(name) or _read_as(found[name].type)
        default = found[name].default
        if default is NODEFAULT:
            read.append((name, type_))
        else:
            read.append((name, type_, Raw(_to_json(default)) if type_ is Raw else default))
    return defstruct(kind.__name__, read, gc=False, kw_only=True)


def _read_as(info: inspect.Type) -> Any:
    """Return the type for decoding a value: `Raw` JSON for an object without optional fields."""
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


def _codec(kind: type, **derived: str) -> tuple[Callable[[bytes], Any], Callable[..., Struct]]:
    """Return two functions: one decodes an event of this kind, the other builds the message body.

    Args:
        kind: The event's class.
        derived: Python expressions, by contract field, for values that the event does not store.
    """
    names = [field.name for field in fields(TransactionDecisioned)]
    purchase, own = _fields_of(Purchase), _fields_of(kind)
    sources = {name: name for name in _PARAMETERS} | derived
    for name in names:
        if name not in sources and name in purchase:
            sources[name] = f"purchase.{name}"
            if _is_time(purchase[name].type):
                sources[name] = f"{sources[name]} and utc({sources[name]})"
        elif name not in sources and name in own:
            sources[name] = f"event.{name}"
    body = defstruct(TransactionDecisioned.__name__, [(name, Any) for name in names], gc=False)
    parameters, values = ", ".join(_PARAMETERS), ", ".join(sources[name] for name in names)
    # The source contains only the names above. Attribute getters would be an eighth slower.
    compose = eval(  # noqa: S307
        f"lambda event, purchase, {parameters}: body({values})", {"body": body, "utc": _utc}
    )
    read = [name for name in names if name not in _PARAMETERS]
    reader = _reader(kind, dict.fromkeys([*_ENVELOPE, *read]), purchase=_reader(Purchase, read))
    return Decoder(reader).decode, compose


_CODECS = {
    AuthorizationApproved.TOPIC: _codec(
        AuthorizationApproved,
        decision="'approved'",
        response_code=repr(APPROVED_RESPONSE_CODE),
        reasons="()",
        held="purchase.amount if event.hold is None else event.hold",
    ),
    AuthorizationDeclined.TOPIC: _codec(
        AuthorizationDeclined,
        decision="'declined'",
        response_code="event.reasons[0].response_code",
        authorization_code="None",
        held="0",
    ),
}
