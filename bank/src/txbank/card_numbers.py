"""Finds card numbers in text, by the definition in docs/contracts.md ("Card numbers").

Requests that hold one are refused, since it would be stored and published.
"""

import re

from stdnum import iban, luhn

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

_ISSUED = (
    ("4", "4", (13, 16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("6011", "6011", (16, 19)),  # Discover
    ("644", "649", (16, 19)),
    ("65", "65", (16, 19)),
    ("300", "305", (14,)),  # Diners
    ("36", "36", (14,)),
    ("38", "39", (14,)),
    ("3528", "3589", (16,)),  # JCB
    ("62", "62", (16, 19)),  # UnionPay
    ("5018", "5018", (16,)),  # Maestro
    ("5020", "5020", (16,)),
    ("5038", "5038", (16,)),
    ("6304", "6304", (16,)),
    ("6759", "6759", (16,)),
    ("6761", "6763", (16,)),
    ("2200", "2204", (16,)),  # Mir
)
"""First and last prefix of the numbers of a scheme, and their numbers of digits."""

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
    for match in _CANDIDATE.finditer(text):
        digits = match[1].translate(_SEPARATORS)
        if _is_issued(digits) and luhn.is_valid(digits):
            span = match.span(1)
            if not _in_iban(text, *span) and not _in_uuid(text, *span):
                return True
    return False


def _is_issued(digits: str) -> bool:
    return any(
        first <= digits[: len(first)] <= last and len(digits) in lengths
        for first, last, lengths in _ISSUED
    )


def _in_iban(text: str, start: int, end: int) -> bool:
    """Return whether `text[start:end]` is part of a valid IBAN (ISO 13616), in groups or not."""
    earliest = max(0, end - 2 * _IBAN_LENGTHS.stop)
    for beginning in _IBAN_BEGINNING.finditer(text, earliest, start + 4):
        written = ""
        for place in range(beginning.start(), len(text)):
            character = text[place]
            if character in " -":
                continue
            written += character
            alphanumeric = character.isascii() and character.isalnum()
            if not alphanumeric or len(written) == _IBAN_LENGTHS.stop:
                break
            covers = place + 1 >= end and len(written) in _IBAN_LENGTHS
            if covers and iban.is_valid(written, check_country=False):
                return True
    return False


def _in_uuid(text: str, start: int, end: int) -> bool:
    """Return whether `text[start:end]` is part of a UUID (RFC 9562), whose digits are random."""
    return any(
        match.start() <= start and end <= match.end() and not match[0].isdecimal()
        for match in _UUID.finditer(text)
    )
