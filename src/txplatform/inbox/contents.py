"""The contents of a message as they may be kept: without card numbers.

If the body, a header or the key holds a card number, that part is withheld: only an HMAC-SHA-256
with a key of the installation is kept. A plain hash would show the number, since all card numbers
can be tried.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg

from txplatform.contracts.card_numbers import holds_card_number
from txplatform.contracts.cleaning import plain
from txplatform.contracts.json import NotJsonError, parse_strict_json
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
    if _FIRST_LOOK.search(body) is None:
        return False
    try:
        value = parse_strict_json(body)
    except NotJsonError:
        return _bytes_hold_one(body)
    return _value_holds_one(value)


def _bytes_hold_one(data: bytes) -> bool:
    """Search bytes in an unknown encoding; without zero bytes, UTF-16 is readable too."""
    return holds_card_number(plain(data.replace(b"\x00", b"").decode("latin-1")))


def _value_holds_one(value: object) -> bool:
    """Search a JSON value, except for the id of a merchant, which may look like a card number."""
    match value:
        case str():
            return holds_card_number(plain(value))
        case dict():
            return any(_member_holds_one(name, member) for name, member in value.items())
        case list():
            return any(map(_value_holds_one, value))
        case None | bool():
            return False
        case _:
            return holds_card_number(str(value))


def _member_holds_one(name: str, member: Any) -> bool:
    if holds_card_number(plain(name)):
        return True
    if name == "merchant" and isinstance(member, dict):
        member = {each: content for each, content in member.items() if each != "id"}
    if name == "data_base64" and isinstance(member, str):
        try:
            return _body_holds_one(base64.b64decode(member, validate=True))
        except binascii.Error:
            return False
    return _value_holds_one(member)
