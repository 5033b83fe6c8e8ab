"""The contents of a message as they may be kept: without card numbers.

If the body, a header or the key holds a card number, that part is withheld: only an HMAC-SHA-256
with a key of the installation is kept. A plain hash would show the number, since all card numbers
can be tried.
"""

import base64
import hmac
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg

from txplatform.contracts.card_numbers import holds_card_number
from txplatform.contracts.cleaning import plain
from txplatform.contracts.json import NotJsonError, Unreadable, parse_lenient_parts
from txplatform.inbox.message import Headers, ReceivedMessage

_READ_SECRET = "SELECT secret FROM installation_secrets WHERE name = 'message-contents'"  # noqa: S105

_FIRST_LOOK = re.compile(rb"[0-9]{4}[0-9 -]{5,15}[0-9]{4}|[\\\x00\t\r\n]|data_base64")
"""Matches the beginning of a card number, or anything that could hide one."""

_NO_KEY = -1
_LENGTH_BYTES = 8


class Contents(NamedTuple):
    """The parts of a message that may be kept.

    Attributes:
        key: None if there is none or it was withheld.
        headers: A withheld header has the value None; one whose name was withheld is left out.
        body: None if there is none or it was withheld.
        withheld: True if a part was withheld.
    """

    key: bytes | None
    headers: Headers
    body: bytes | None
    withheld: bool


NOTHING = Contents(None, (), None, withheld=True)
"""The contents of a message of which nothing may be kept."""


def read_content_secret(connection: psycopg.Connection[Any]) -> bytes:
    """Return the installation's key for HMACs of message contents."""
    row = connection.execute(_READ_SECRET).fetchone()
    assert row is not None  # inserted by the migration
    secret: bytes = row[0]
    return secret


def content_hmac(message: ReceivedMessage, secret: bytes) -> bytes:
    """Return the HMAC-SHA-256 of key and body, which copies of a message have in common."""
    key, body = message.key, message.body or b""
    length = _NO_KEY if key is None else len(key)
    framed = length.to_bytes(_LENGTH_BYTES, signed=True) + (key or b"") + body
    return hmac.digest(secret, framed, "sha256")


def keepable(
    key: bytes | None, headers: Iterable[tuple[str, bytes | None]], body: bytes | None
) -> Contents:
    """Return the contents of a message, without the parts that hold a card number."""
    kept_key = None if key is not None and _bytes_hold_one(key) else key
    kept_body = None if body is not None and _body_holds_one(body) else body
    given = tuple(headers)
    kept_headers = tuple(
        (name, None if value is not None and _bytes_hold_one(value) else value)
        for name, value in given
        if not holds_card_number(name)
    )
    withheld = (kept_key, kept_headers, kept_body) != (key, given, body)
    return Contents(kept_key, kept_headers, kept_body, withheld)


def _body_holds_one(body: bytes) -> bool:
    return _FIRST_LOOK.search(body) is not None and _values_hold_one(_values_of(body))


def _values_of(body: bytes) -> list[Any]:
    """Return the JSON values of a body; its text if it is not JSON."""
    try:
        return parse_lenient_parts(body)
    except NotJsonError:
        return [_text(body)]


def _bytes_hold_one(data: bytes) -> bool:
    return holds_card_number(plain(_text(data)))


def _text(data: bytes) -> str:
    """Return bytes in an unknown encoding as text; without zero bytes, UTF-16 is readable too."""
    return data.replace(b"\x00", b"").decode("latin-1")


def _values_hold_one(values: list[Any]) -> bool:
    """Search JSON values, except for the id of a merchant, which may look like a card number."""
    for value in values:  # grows meanwhile: values may be nested too deeply for recursion
        match value:
            case str():
                if holds_card_number(plain(value)):
                    return True
            case list():
                values += value
            case dict():
                values += value.keys()
                for name, member in value.items():
                    sent = member.sent if isinstance(member, Unreadable) else (member,)
                    for each in sent:
                        values += _searched(name, each)
            case Unreadable():
                values += value.sent
            case None | bool():
                pass
            case _:
                values.append(str(value))
    return False


def _searched(name: str, member: object) -> list[Any]:
    match name, member:
        case "merchant", dict():
            return [{each: content for each, content in member.items() if each != "id"}]
        case "data_base64", str():
            try:
                return _values_of(base64.b64decode(member, validate=True))
            except ValueError:  # not base64
                return []
    return [member]
