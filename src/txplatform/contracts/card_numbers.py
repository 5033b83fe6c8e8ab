"""Find and mask the numbers of payment cards in text (docs/contracts.md, "Card numbers").

A card number must not get into the log, where it would stay permanently.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from stdnum import iban, luhn

_SHORTEST = 13
"""The fewest digits of a card number."""

_FIRST_LOOK = re.compile(r"[0-9]{4}[0-9 -]{5,15}[0-9]{4}")
"""Matches part of every candidate. Most texts end here, at a fraction of the cost."""

_CANDIDATE = re.compile(
    r"""
    (?<![0-9])
    (?=(                                    # matches nothing itself, so that candidates may overlap
        [0-9]{13,19}
        | [0-9]{4} ([ -]) (?: [0-9]{4}\2[0-9]{4}\2[0-9]{4} | [0-9]{6}\2[0-9]{4,5} )
    ) (?![0-9]))
    """,
    re.VERBOSE,
)
_SEPARATORS = str.maketrans("", "", " -")
_DIGITS = str.maketrans("0123456789", "*" * 10)
_SHOWN_DIGITS = 4


class IssuerRange(NamedTuple):
    """The card numbers of a scheme that begin with a prefix from `first` to `last`.

    Attributes:
        lengths: The numbers of digits.
    """

    scheme: str
    first: str
    last: str
    lengths: tuple[int, ...]


ISSUER_RANGES = (
    IssuerRange("Visa", "4", "4", (13, 16, 19)),
    IssuerRange("Mastercard", "51", "55", (16,)),
    IssuerRange("Mastercard", "2221", "2720", (16,)),
    IssuerRange("American Express", "34", "34", (15,)),
    IssuerRange("American Express", "37", "37", (15,)),
    IssuerRange("Discover", "6011", "6011", (16, 19)),
    IssuerRange("Discover", "644", "649", (16, 19)),
    IssuerRange("Discover", "65", "65", (16, 19)),
    IssuerRange("Diners", "300", "305", (14,)),
    IssuerRange("Diners", "36", "36", (14,)),
    IssuerRange("Diners", "38", "39", (14,)),
    IssuerRange("JCB", "3528", "3589", (16,)),
    IssuerRange("UnionPay", "62", "62", (16, 19)),
    IssuerRange("Maestro", "5018", "5018", (16,)),
    IssuerRange("Maestro", "5020", "5020", (16,)),
    IssuerRange("Maestro", "5038", "5038", (16,)),
    IssuerRange("Maestro", "6304", "6304", (16,)),
    IssuerRange("Maestro", "6759", "6759", (16,)),
    IssuerRange("Maestro", "6761", "6763", (16,)),
    IssuerRange("Mir", "2200", "2204", (16,)),
)
"""The prefixes and lengths of card numbers (ISO/IEC 7812 issuer identification numbers)."""

_IBAN_BEGINNING = re.compile(r"[A-Za-z]{2}[0-9]{2}")
_IBAN_LENGTHS = range(15, 35)
_UUID = re.compile(
    r"""
    (?<![0-9A-F])
    [0-9A-F]{8} (-?) [0-9A-F]{4} \1 [1-8][0-9A-F]{3} \1 [89AB][0-9A-F]{3} \1 [0-9A-F]{12}
    (?![0-9A-F])
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""With the digits for version and variant, so that hardly any other text is taken for a UUID."""


def holds_card_number(text: str) -> bool:
    """Return whether a text is or contains a card number."""
    return _may_hold_one(text) and next(_card_numbers(text), None) is not None


def mask_card_numbers(text: str) -> str:
    """Replace the digits of each card number, except the last four, by `*`."""
    if not _may_hold_one(text):
        return text
    for start, end in _card_numbers(text):
        shown_from = end - _SHOWN_DIGITS
        text = text[:start] + text[start:shown_from].translate(_DIGITS) + text[shown_from:]
    return text


def _may_hold_one(text: str) -> bool:
    return len(text) >= _SHORTEST and _FIRST_LOOK.search(text) is not None


def _card_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each card number in the text as given."""
    for match in _CANDIDATE.finditer(text):
        digits = match[1].translate(_SEPARATORS)
        if _is_issued(digits) and luhn.is_valid(digits):
            start, end = match.span(1)
            if not _in_iban(text, start, end) and not _in_uuid(text, start, end):
                yield start, end


def _is_issued(digits: str) -> bool:
    return any(
        each.first <= digits[: len(each.first)] <= each.last and len(digits) in each.lengths
        for each in ISSUER_RANGES
    )


def _in_iban(text: str, start: int, end: int) -> bool:
    """Return whether `text[start:end]` is part of a valid IBAN (ISO 13616).

    The IBAN may be written in groups, joined by single blanks or hyphens.
    """
    earliest = max(0, end - 2 * _IBAN_LENGTHS.stop)
    for beginning in _IBAN_BEGINNING.finditer(text, earliest, end):
        if beginning.start() > start:
            return False
        written, place = "", beginning.start()
        while place < len(text) and len(written) < _IBAN_LENGTHS.stop:
            character = text[place]
            if character.isascii() and character.isalnum():
                written += character
                covers = place + 1 >= end and len(written) in _IBAN_LENGTHS
                if covers and iban.is_valid(written, check_country=False):
                    return True
            elif character not in " -":
                break
            place += 1
    return False


def _in_uuid(text: str, start: int, end: int) -> bool:
    """Return whether `text[start:end]` is part of a UUID (RFC 9562), whose digits are random.

    One in ten thousand UUIDs without hyphens has a run of digits that looks like a card number.
    """
    return any(
        match.start() <= start and end <= match.end() and not match[0].isdecimal()
        for match in _UUID.finditer(text)
    )
