"""Payments, returns and settlement items from CSV files."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txplatform.contracts.messages import PaymentReturnedMessage, PaymentSubmittedMessage
from txplatform.domain.currencies import CURRENCIES
from txplatform.importing.amounts import minor_units
from txplatform.importing.csv_files import CsvFile
from txplatform.importing.records import FileRecord, Read, Refusal, UnusableFileError


def read(folder: Path, text: str | bytes) -> list[Read]:
    """Read a CSV file with this text."""
    path = folder / "file.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [*CsvFile(path).read()]


def test_a_file_has_payments_and_returns(tmp_path: Path) -> None:
    text = (
        "payment_id,account_id,amount,currency,kind,submitted_at,returned_at,reason,reference,"
        "metadata.bank.code\n"
        "p1,a1,12.50,EUR,,2026-11-20,,,RF18 5390,99\n"
        'p1,a1,12.50,EUR,return,,2026-11-24T08:00:00Z,"closed, AC04",,\n'
    )
    assert read(tmp_path, text) == [
        FileRecord(
            2,
            PaymentSubmittedMessage.TOPIC,
            {
                "payment_id": "p1",
                "account_id": "a1",
                "amount": 1250,
                "currency": "EUR",
                "submitted_at": "2026-11-20",
                "reference": "RF18 5390",
                "metadata": {"bank.code": "99"},
            },
        ),
        FileRecord(
            3,
            PaymentReturnedMessage.TOPIC,
            {
                "payment_id": "p1",
                "account_id": "a1",
                "amount": 1250,
                "currency": "EUR",
                "returned_at": "2026-11-24T08:00:00Z",
                "reason": "closed, AC04",
            },
        ),
    ]


def test_a_file_has_settlement_items(tmp_path: Path) -> None:
    text = (
        "clearing_id;account_id;amount;currency;direction;reverses_clearing_id;final;merchant.id;"
        "merchant.category_code;original_amount;original_currency\n"
        "c1;a1;12.50;EUR;debit;;false;0012;0742;1500;JPY\n"
        "\n"
        "c2;a1;12.50;EUR;credit;c1;;;;;\n"
    )
    assert read(tmp_path, b"\xef\xbb\xbf" + text.encode()) == [
        FileRecord(
            2,
            None,
            {
                "clearing_id": "c1",
                "account_id": "a1",
                "amount": 1250,
                "currency": "EUR",
                "direction": "debit",
                "final": False,
                "merchant": {"id": "0012", "category_code": "0742"},
                "original_amount": 1500,
                "original_currency": "JPY",
            },
        ),
        FileRecord(
            4,
            None,
            {
                "clearing_id": "c2",
                "account_id": "a1",
                "amount": 1250,
                "currency": "EUR",
                "direction": "credit",
                "reverses_clearing_id": "c1",
            },
        ),
    ]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "must have one of payment_id and clearing_id"),
        ("payment_id,clearing_id", "must have one of payment_id and clearing_id"),
        ("payment_id,account_id,currency", "column amount is missing"),
        (
            "payment_id,acount_id,amount,currency",
            "is missing; column 2, 'acount_id', is not known; did you mean account_id?",
        ),
        ("payment_id,account_id,amount,currency,amount", "column 5, 'amount', is there twice"),
        (
            "payment_id,account_id,amount,currency,original_amount",
            "column original_amount needs a column original_currency",
        ),
        ("payment_id,account_id,amount,currency,metadata.", "'metadata.', is not known"),
        ("clearing_id,account_id,amount,currency,reason", "column 5, 'reason', is not known"),
    ],
)
def test_a_wrong_header_names_every_wrong_column(tmp_path: Path, header: str, words: str) -> None:
    with pytest.raises(UnusableFileError, match=re.escape(words)):
        read(tmp_path, header + "\n")


PAYMENT = "payment_id,account_id,amount,currency,kind,submitted_at,reason\n"
CLEARING = "clearing_id,account_id,amount,currency,final\n"


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (PAYMENT + "p,a,12.505,EUR,,,", "amount", "amount has more than the 2 decimals of EUR."),
        (PAYMENT + "p,a,12.5,JPY,,,", "amount", "amount has more than the 0 decimals of JPY."),
        (PAYMENT + 'p,a,"12,50",EUR,,,', "amount", "must be digits with a decimal point"),
        (PAYMENT + 'p,a,"1,250.00",EUR,,,', "amount", "must be digits with a decimal point"),
        (PAYMENT + "p,a,1234567890123.0000000000001,EUR,,,", "amount", "must be digits"),
        (PAYMENT + "p,a,-5,EUR,,,", "amount", "must be digits with a decimal point"),
        (PAYMENT + "p,a,1e3,EUR,,,", "amount", "must be digits with a decimal point"),
        (PAYMENT + "p,a,5,EURO,,,", "amount", "has a currency that is not an ISO 4217 code"),
        (PAYMENT + "p,a,5,EUR,refund,,", "kind", "kind must be payment or return."),
        (PAYMENT + "p,a,5,EUR,payment,,AC04", "reason", "reason is only for a return."),
        (PAYMENT + "p,a,5,EUR,return,2026-11-20,", "submitted_at", "is only for a payment."),
        (PAYMENT + "p,a,5,EUR", None, "the line has 4 cells and the header 7."),
        (CLEARING + "c,a,5,EUR,yes", "final", "final must be true or false."),
    ],
)
def test_a_wrong_cell_is_refused_with_its_line_and_the_others_are_read(
    tmp_path: Path, text: str, field: str | None, words: str
) -> None:
    header = text.partition("\n")[0]
    good = ",".join(["x", "a", "5", "EUR", *[""] * (header.count(",") - 3)])
    first, found, last = read(tmp_path, text.replace("\n", f"\n{good}\n") + f"\n{good}\n")
    assert isinstance(first, FileRecord)
    assert isinstance(last, FileRecord)
    assert isinstance(found, Refusal)
    assert (found.line, found.field) == (3, field)
    assert words in found.detail


def test_the_line_is_that_of_the_file_also_after_a_cell_with_line_breaks(tmp_path: Path) -> None:
    text = PAYMENT + 'p,a,5,EUR,return,,"no\nsuch\naccount"\nq,a,five,EUR,,,\n'
    first, second = read(tmp_path, text)
    assert (first.line, second.line) == (2, 5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PAYMENT.encode() + b"p,a,5,EUR,return,,f\xfcr\n", "it is not in UTF-8"),
        (PAYMENT.encode() + b'p,a,5,EUR,return,,"open\n', "unexpected end of data"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(tmp_path: Path, text: bytes, words: str) -> None:
    with pytest.raises(UnusableFileError, match=words):
        read(tmp_path, text)


@given(st.integers(1, 999_999_999_999_999), st.sampled_from(sorted(CURRENCIES)), st.integers(0, 4))
def test_any_amount_becomes_minor_units_exactly(minor: int, currency: str, zeros: int) -> None:
    amount = Decimal(minor).scaleb(-CURRENCIES[currency].exponent)
    text = f"{amount:f}"
    padded = text + ("0" * zeros if "." in text else "." + "0" * zeros if zeros else "")
    assert minor_units(padded, currency) == minor


@given(st.integers(0, 10**12), st.sampled_from(sorted(CURRENCIES)), st.integers(1, 9))
def test_any_fraction_below_the_minor_unit_is_refused(
    minor: int, currency: str, fraction: int
) -> None:
    below = Decimal(10 * minor + fraction).scaleb(-CURRENCIES[currency].exponent - 1)
    with pytest.raises(ValueError, match=f"decimals of {currency}"):
        minor_units(f"{below:f}", currency)
