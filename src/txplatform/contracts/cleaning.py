"""Clean the fields that only describe; no other module defines what "cleaned" means.

Money must not be refused for a flaw in its description. So a cleaned value is the part of the value
that can be read, or None. The describing fields of advices (`contracts/advice.py`) and the merchant
of a purchase are cleaned. docs/contracts.md has the rules ("Requests and advices").
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from txplatform.contracts.card_numbers import mask_card_numbers
from txplatform.domain.money import MAX_AMOUNT
from txplatform.domain.status import FreezeReason

MAX_TEXT = 200
"""The most characters of a text for people, such as a reason or a merchant's name."""

MAX_ID = 64
"""The most characters of an id or a reference."""

MAX_METADATA_KEYS = 20
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500
MAX_METADATA_BYTES = 4096
"""The most bytes of all keys and values together, in UTF-8."""

URL_ID_FORM = r"[A-Za-z0-9._:-]{1,64}"
CATEGORY_FORM = r"[0-9]{4}"
COUNTRY_FORM = r"[A-Z]{3}"
CURRENCY_FORM = r"[A-Z]{3}"

NOT_IN_URLS = frozenset({".", ".."})
"""Not ids, because they have a meaning in URLs."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line separators and surrogates, which UTF-8 cannot encode."""

_NO_REASON = frozenset({"", "none"})
_FREEZE_REASONS = frozenset(FreezeReason)

_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}):(\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)
_LEAP_SECOND = "60"
_LAST_MINUTE = 23, 59
_LAST_MICROSECOND = 999_999


class Cleaned(NamedTuple):
    """A cleaned value.

    Attributes:
        value: None if nothing was sent or nothing could be read.
        complete: False if the description lost something: text was cut, a value could not be read,
            a card number was masked, or a merchant has no id, category or country.
    """

    value: Any
    complete: bool = True


Cleaner = Callable[[object], Cleaned]
"""A function that cleans one field."""

_UNREADABLE = Cleaned(None, complete=False)


def plain(text: str) -> str:
    """Replace control characters by spaces, and trim the text."""
    return text.strip() if text.isprintable() else _CONTROL.sub(" ", text).strip()


def clean_text(value: object, limit: int = MAX_TEXT) -> Cleaned:
    """Clean a text for people: mask card numbers, and cut the text at the limit."""
    if value is None:
        return Cleaned(None)
    if not isinstance(value, str):
        return _UNREADABLE
    text = plain(value)
    masked = mask_card_numbers(text)  # before the cut, which could leave most of a number
    return Cleaned(masked[:limit].rstrip() or None, complete=masked == text and len(text) <= limit)


def clean_merchant_id(value: object) -> Cleaned:
    """Clean an acceptor's id. It may look like a card number, so nothing is masked."""
    if value is None:
        return Cleaned(None)
    if not isinstance(value, str):
        return _UNREADABLE
    text = plain(value)
    return Cleaned(text[:MAX_ID].rstrip() or None, complete=len(text) <= MAX_ID)


def clean_reference(value: object) -> Cleaned:
    """Clean a reference, which is an id: it is not masked."""
    cleaned = clean_merchant_id(value)
    if cleaned.value is not None and not cleaned.value.isprintable():
        return _UNREADABLE
    return cleaned


def clean_code(form: str) -> Cleaner:
    """Return a cleaner that keeps a code of this form, whether or not a list knows it."""
    pattern = re.compile(form, re.ASCII)

    def clean(value: object) -> Cleaned:
        text = plain(value) if isinstance(value, str) else value
        if text is None or text == "":
            return Cleaned(None)
        if not isinstance(text, str) or pattern.fullmatch(text) is None:
            return _UNREADABLE
        return Cleaned(text)

    return clean


def clean_freeze_reason(value: object) -> Cleaned:
    """Clean the reason code of a status. `none` is the same as no reason code."""
    if value is None:
        return Cleaned(None)
    text = plain(value).lower() if isinstance(value, str) else None
    if text in _NO_REASON:
        return Cleaned(None)
    return Cleaned(text) if text in _FREEZE_REASONS else _UNREADABLE


def clean_amount(value: object) -> Cleaned:
    """Clean an amount, in minor units. `contracts/json.py` parses 1250.0 as an integer."""
    if value is None:
        return Cleaned(None)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_AMOUNT:
        return _UNREADABLE
    return Cleaned(value)


def clean_time(value: object) -> Cleaned:
    """Clean a business time. A date is the beginning of its day; without an offset it is UTC."""
    if value is None:
        return Cleaned(None)
    text = plain(value) if isinstance(value, str) else value
    if text == "":
        return Cleaned(None)
    time = read_time(text) if isinstance(text, str) else None
    return _UNREADABLE if time is None else Cleaned(time)


def read_time(text: str) -> datetime | None:
    """Return a time of RFC 3339 in UTC, with an optional time of day and an optional offset.

    Digits after the microseconds are dropped. A leap second is the last microsecond before it.

    Returns:
        None if the text is no such time, or is outside the years 1 to 9999 in UTC.
    """
    if (parts := _TIME.fullmatch(text)) is None:
        return None
    day, minutes, seconds, fraction, offset = parts.groups()
    leaps = seconds == _LEAP_SECOND
    time_of_day = f"{minutes or '00:00'}:{'59' if leaps else seconds or '00'}"
    # Python parses at most six decimals.
    written = f"{day}T{time_of_day}{(fraction or '')[:7]}{(offset or 'Z').upper()}"
    try:
        time = datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not leaps:
        return time
    if (time.hour, time.minute) != _LAST_MINUTE:
        return None
    return time.replace(microsecond=_LAST_MICROSECOND)


_clean_url_id = clean_code(URL_ID_FORM)


def clean_transaction_id(value: object) -> Cleaned:
    """Clean the id of a transaction. An id that cannot be read counts as absent."""
    cleaned = _clean_url_id(value)
    return _UNREADABLE if cleaned.value in NOT_IN_URLS else cleaned


_MERCHANT: Mapping[str, Cleaner] = {
    "id": clean_merchant_id,
    "name": clean_text,
    "category_code": clean_code(CATEGORY_FORM),
    "country": clean_code(COUNTRY_FORM),
}
_EXPECTED_OF_MERCHANT = ("id", "category_code", "country")


def clean_merchant(value: object) -> Cleaned:
    """Clean a merchant's fields. A merchant of which nothing can be read is None."""
    if value is None:
        return Cleaned(None)
    if not isinstance(value, dict):
        return _UNREADABLE
    cleaned = {name: clean(value.get(name)) for name, clean in _MERCHANT.items()}
    fields = {name: each.value for name, each in cleaned.items()}
    complete = all(each.complete for each in cleaned.values()) and all(
        fields[name] is not None for name in _EXPECTED_OF_MERCHANT
    )
    return Cleaned(fields if any(fields.values()) else None, complete)


def clean_metadata(value: object) -> Cleaned:
    """Clean metadata: leave out entries that are not text or exceed a limit of their number."""
    if value is None:
        return Cleaned(None)
    if not isinstance(value, dict):
        return _UNREADABLE
    kept: dict[str, str] = {}
    complete, size = True, 0
    for name, content in value.items():
        key, text = clean_text(name, MAX_METADATA_KEY), clean_text(content, MAX_METADATA_VALUE)
        entry = len((key.value or "").encode()) + len((text.value or "").encode())
        if (
            not key.value
            or key.value in kept
            or not isinstance(content, str)
            or len(kept) == MAX_METADATA_KEYS
            or size + entry > MAX_METADATA_BYTES
        ):
            complete = False
            continue
        kept[key.value] = text.value or ""
        size += entry
        complete = complete and key.complete and text.complete
    return Cleaned(kept or None, complete)
