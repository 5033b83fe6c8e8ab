"""Messages of other teams, read as the platform reads them (docs/contracts.md).

They are advices. A field that only describes is no reason to refuse one: what cannot be read of it
counts as absent.
"""

import re
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec.structs import FieldInfo, fields

from txplatform_client.fields import Time, exact_number

T = TypeVar("T")

_CHECKED = {"reverses_clearing_id"}
"""Fields that may be absent, but must be readable if they are sent."""
_ANY_CASE = {"status", "reason_code"}
_NO_REASON = ("reason_code", "none")
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)
_LEAP_SECOND = "60"

_parse = msgspec.json.Decoder(float_hook=exact_number).decode


def read_advice(kind: type[T], data: bytes) -> T:
    """Return the message of a class in the JSON text of its body.

    Raises:
        msgspec.DecodeError: The body is not JSON, or a checked field is missing or invalid.
    """
    sent = _parse(data)
    if isinstance(sent, dict):
        read = {each.name: _cleaned(each, sent.get(each.name)) for each in fields(kind)}  # type: ignore[arg-type]  # a Struct
        sent = {name: value for name, value in read.items() if value is not None}
    return msgspec.convert(sent, kind)


def _cleaned(field: FieldInfo, value: object) -> object:
    """Return what can be read of a field. None stands for an absent field."""
    if field.type == Time | None:
        return _time(value) if isinstance(value, str) else None
    if isinstance(value, str) and field.name.endswith("_id"):
        value = value.strip(" ")
    elif isinstance(value, str) and field.name in _ANY_CASE:
        value = value.strip().lower()
        value = None if (field.name, value) == _NO_REASON else value
    elif isinstance(value, str) and field.name.endswith("currency"):
        value = value.strip()
    elif isinstance(value, dict):  # a merchant or metadata
        texts = {name: text for name, text in value.items() if isinstance(text, str)}
        value = {"name": None, **texts} if texts and field.name == "merchant" else texts
    describes = not field.required and field.default is None and field.name not in _CHECKED
    return value if not describes or _is_readable(value, field.type) else None


def _is_readable(value: object, kind: object) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _time(text: str) -> datetime | None:
    """Return a business time: a date is the beginning of its day, and without an offset it is UTC.

    A leap second is the last microsecond before it. None if the text is no time of the years 1 to
    9999 in UTC.
    """
    if (parts := _TIME.fullmatch(text.strip())) is None:
        return None
    day, minutes, seconds, fraction, offset = parts.groups()
    leaps = seconds == _LEAP_SECOND
    time_of_day = f"{minutes or '00:00'}:{'59' if leaps else seconds or '00'}"
    try:
        time = datetime.fromisoformat(
            f"{day}T{time_of_day}{(fraction or '')[:7]}{(offset or 'Z').upper()}"
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not leaps:
        return time
    last = (time.hour, time.minute) == (23, 59)
    return time.replace(microsecond=999_999) if last else None
