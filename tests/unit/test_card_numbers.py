"""Card numbers are found in any text; what only looks like one is left alone."""

from __future__ import annotations

import csv
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn

import txplatform.simulation
from txplatform.contracts.card_numbers import (
    ISSUER_RANGES,
    IssuerRange,
    holds_card_number,
    mask_card_numbers,
)

BARNET = Path(txplatform.simulation.__file__).with_name("data").glob("barnet*.csv")
CONTRACTS = Path(__file__).parents[2] / "docs" / "contracts.md"

BBANS = {
    "AT": "n" * 16,
    "BE": "n" * 12,
    "CH": "n" * 5 + "c" * 12,
    "DE": "n" * 18,
    "DK": "n" * 14,
    "ES": "n" * 20,
    "FI": "n" * 14,
    "GB": "a" * 4 + "n" * 14,
    "NL": "a" * 4 + "n" * 10,
    "NO": "n" * 11,
}
"""The structure of the account numbers of ten countries: digits, letters, or either."""


def card_number(issuer: IssuerRange, length: int, chance: random.Random) -> str:
    """Return a random valid number of this range."""
    prefix = str(chance.randint(int(issuer.first), int(issuer.last)))
    body = prefix + "".join(chance.choices("0123456789", k=length - len(prefix) - 1))
    return body + luhn.calc_check_digit(body)


issued = st.builds(
    lambda issuer, seed: [
        card_number(issuer, length, random.Random(seed)) for length in issuer.lengths
    ],
    st.sampled_from(ISSUER_RANGES),
    st.integers(0, 2**32),
)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="0123456789 -"))


@given(issued, words, words)
def test_a_number_of_every_scheme_is_found_within_any_text(
    numbers: list[str], before: str, after: str
) -> None:
    for number in numbers:
        text = before + number + after
        assert holds_card_number(text)
        masked = mask_card_numbers(text)
        assert masked == before + "*" * (len(number) - 4) + number[-4:] + after
        assert not holds_card_number(masked)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111 1111 1111 1111 12/28", "**** **** **** 1111 12/28"),
        ("4111-1111-1111-1111", "****-****-****-1111"),
        ("tx-4111111111111111", "tx-************1111"),
        ("acc4111111111111111", "acc************1111"),
        ("4111 1111 1111 1111 SHOP", "**** **** **** 1111 SHOP"),
        ("No. 1234 4111 1111 1111 1111", "No. 1234 **** **** **** 1111"),
        ("3782 822463 10005", "**** ****** *0005"),
        ("3056-930902-5904", "****-******-5904"),
        ("4222222222222", "*********2222"),
        ("two: 4111111111111111, 5555555555554444", "two: ************1111, ************4444"),
    ],
)
def test_all_digits_but_the_last_four_are_masked(text: str, masked: str) -> None:
    assert mask_card_numbers(text) == masked
    assert holds_card_number(text)
    assert not holds_card_number(masked)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4111111111111112",  # its check digit is wrong
        "1111111111111117",  # no issuer
        "41111111111111111",  # 17 digits
        "94111111111111111",  # a digit beside it
        "4111 1111-1111 1111",  # two kinds of separators
        "4111  1111  1111  1111",
        "411 11111 1111 1111",
        "٤١١١١١١١١١١١١١١١",  # digits, but not of ASCII
        "74537606325000000000001",
        "2026-11-20 10:15:00",
        "20261120101500123456",
        "DE89 3704 0044 0532 0130 00",
        "f47ac10b-4111-1111-1111-111111111111",
    ],
)
def test_what_is_no_candidate_is_left_alone(text: str) -> None:
    assert not holds_card_number(text)
    assert mask_card_numbers(text) == text


def test_no_digits_of_an_iban_are_a_card_number() -> None:
    """A check of the digits alone would find thousands in these 20,000."""
    chance = random.Random(20)
    kinds = {
        "n": "0123456789",
        "a": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "c": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    }
    digits_look_alike = 0
    for number in range(20_000):
        country, structure = [*BBANS.items()][number % len(BBANS)]
        bban = "".join(chance.choice(kinds[kind]) for kind in structure)
        written = country + iban.calc_check_digits(f"{country}00{bban}") + bban
        assert iban.is_valid(written, check_country=False)
        digits_look_alike += holds_card_number(re.sub("[A-Z]", ".", written))
        for form in (
            written,
            written.lower(),
            f"IBAN {iban.format(written)}, thank you",
            f"Ref {written}/2026",
            iban.format(written, "-"),
        ):
            assert not holds_card_number(form), form
            assert mask_card_numbers(form) == form
    assert digits_look_alike > 20  # so the exception matters


def test_no_digits_of_a_uuid_are_a_card_number() -> None:
    """With and without hyphens. A check of the digits alone would refuse ids of purchases."""
    chance = random.Random(4)
    other_letters = str.maketrans("abcdef", "ghijkl")
    digits_look_alike = 0
    for _ in range(100_000):
        number = UUID(int=chance.getrandbits(128), version=4)
        for text in (str(number), f"tx-{number.hex}".upper()):
            assert not holds_card_number(text), text
        digits_look_alike += holds_card_number(number.hex.translate(other_letters))
    assert digits_look_alike  # so the exception matters


@pytest.mark.parametrize(
    "text",
    [
        "DEADBEEF4111111111111111CAFEBABE",  # the digit for the variant is 1
        "f47ac10b-4111-1111-1111-1111aaaaaaaa",
        "f47ac10b4012888888881881abcdefab0",  # a digit too many
    ],
)
def test_what_only_resembles_a_uuid_is_searched(text: str) -> None:
    assert holds_card_number(text)


def test_a_card_number_beside_an_iban_is_found() -> None:
    assert mask_card_numbers("DE89370400440532013000 4111111111111111") == (
        "DE89370400440532013000 ************1111"
    )


def test_no_network_reference_of_23_digits_is_a_card_number() -> None:
    chance = random.Random(23)
    for _ in range(20_000):
        assert not holds_card_number("".join(chance.choices("0123456789", k=23)))


def test_no_id_made_of_a_time_is_a_card_number() -> None:
    """Neither dates with a counter, nor times since 1970 in any unit, in the years 2020 to 2037."""
    chance = random.Random(13)
    for number in range(20_000):
        at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(18 * 31_536_000))
        seconds = int(at.timestamp())
        for text in (
            f"{at:%Y%m%d}-{number:06}",
            f"{at:%Y%m%d%H%M%S}",
            f"{at:%Y%m%d%H%M%S%f}"[:16],
            f"{seconds}{number % 1000:03}",
            f"{seconds}{number:06}",
            f"{seconds}{number:09}",
            f"tx-{at:%Y%m%d%H%M%S}-{number}",
        ):
            assert not holds_card_number(text), text


def test_no_descriptor_of_real_purchases_holds_a_card_number() -> None:
    (path,) = BARNET
    with path.open(encoding="utf-8", newline="") as file:
        fields = [field for row in csv.reader(file) for field in row]
    assert len(fields) > 20_000
    assert [field for field in fields if mask_card_numbers(field) != field] == []


def test_the_table_of_the_contract_is_the_one_in_the_code() -> None:
    """The prefixes and lengths of each scheme."""
    text = CONTRACTS.read_text(encoding="utf-8").replace("\N{EN DASH}", "-")
    rows = re.findall(r"^\| (\w[\w ]+) \| ([\d, -]+) \| ([\d, ]+) \|$", text, re.MULTILINE)
    documented = {
        (scheme, first, last or first, lengths)
        for scheme, prefixes, lengths in rows
        for first, _, last in (prefix.partition("-") for prefix in prefixes.split(", "))
    }
    assert documented == {
        (each.scheme, each.first, each.last, ", ".join(map(str, each.lengths)))
        for each in ISSUER_RANGES
    }
