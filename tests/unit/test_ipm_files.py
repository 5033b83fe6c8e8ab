"""Settlement items from Mastercard IPM files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.ipm import CARD, HEADER, presentment, trailer, write_ipm, write_messages
from txplatform.importing.account_finder import AccountFinder
from txplatform.importing.ipm import IpmFile, TransactionId
from txplatform.importing.records import FileRecord, Read, Refusal, Skip, UnusableFileError
from txplatform.importing.screening import screened

FINDER = AccountFinder(["card-number"], accounts={CARD: "acc-1"})
REFERENCE = "05205106325000000000019"


def read(
    path: Path, transaction_id: TransactionId = "trace-id", encoding: str | None = None
) -> list[Read]:
    """Read a file."""
    return [*IpmFile(path, FINDER, transaction_id, encoding).read()]


def only(folder: Path, **fields: Any) -> Read:
    """Return what becomes of one presentment with these data elements."""
    _, found, _ = read(write_ipm(folder / "file", presentment(**fields)))
    return found


def item(folder: Path, **fields: Any) -> dict[str, Any]:
    """Return the settlement item of one presentment with these data elements."""
    found = only(folder, **fields)
    assert isinstance(found, FileRecord), found
    return found.body


@pytest.mark.parametrize("encoding", ["latin_1", "cp500"])
@pytest.mark.parametrize("blocked", [True, False])
def test_a_presentment_is_read_from_every_kind_of_file(
    tmp_path: Path, encoding: str, *, blocked: bool
) -> None:
    path = write_ipm(tmp_path / "file", presentment(), blocked=blocked, encoding=encoding)
    header, found, end = read(path)
    assert header == Skip(1, "message of type 1644")
    assert end == Skip(3, "message of type 1644")
    assert found == FileRecord(
        2,
        None,
        {
            "clearing_id": REFERENCE,
            "account_id": "acc-1",
            "transaction_id": "MCC0011231119",
            "direction": "debit",
            "final": True,
            "amount": 2150,
            "currency": "GBP",
            "original_amount": 2500,
            "original_currency": "EUR",
            "merchant": {
                "id": "00012345",
                "name": "TIERARZT MEIER",
                "category_code": "0742",
                "country": "DEU",
            },
            "occurred_at": "2026-11-19T14:30:00",
            "reference": REFERENCE,
            "metadata": {"file": "0022611200000001234500001", "message": "2"},
        },
    )


def test_a_refund_is_a_credit(tmp_path: Path) -> None:
    assert item(tmp_path, DE3="200000")["direction"] == "credit"


def test_a_second_presentment_has_an_id_of_its_own(tmp_path: Path) -> None:
    assert item(tmp_path, DE24="205")["clearing_id"] == f"{REFERENCE}-205"


def test_a_reversal_takes_its_original_back_in_the_other_direction(tmp_path: Path) -> None:
    """The network repeats the direction of the original."""
    body = item(tmp_path, PDS0025="R261120")
    assert body["clearing_id"] == f"{REFERENCE}-R"
    assert body["reverses_clearing_id"] == REFERENCE
    assert body["direction"] == "credit"


def test_a_partial_clearing_keeps_the_rest_of_the_hold(tmp_path: Path) -> None:
    assert item(tmp_path, DE25="1403")["final"] is False
    assert item(tmp_path, DE25="1404")["final"] is True


@pytest.mark.parametrize(
    ("source", "transaction_id"),
    [
        ("trace-id", "MCC0011231119"),
        ("retrieval-reference", "632414000123"),
        ("approval-code", "A1B2C3"),
        ("none", None),
    ],
)
def test_the_transaction_id_is_what_the_team_authorizes_with(
    tmp_path: Path, source: TransactionId, transaction_id: str | None
) -> None:
    _, found, _ = read(write_ipm(tmp_path / "file", presentment()), source)
    assert isinstance(found, FileRecord)
    assert found.body.get("transaction_id") == transaction_id


@pytest.mark.parametrize(
    ("fields", "amount", "currency"),
    [
        ({"DE6": None, "DE51": None}, 2500, "EUR"),
        ({"DE6": 150000, "DE51": "392", "PDS0148": "3922"}, 1500, "JPY"),
        ({"DE6": 1500, "DE51": "392", "PDS0148": ""}, 1500, "JPY"),
        ({"DE6": 1500, "DE51": "414", "PDS0148": "4143"}, 1500, "KWD"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(
    tmp_path: Path, fields: dict[str, Any], amount: int, currency: str
) -> None:
    """The network's decimals may differ from those of ISO 4217."""
    body = item(tmp_path, **fields)
    assert (body["amount"], body["currency"]) == (amount, currency)


def test_an_original_currency_that_is_not_known_is_left_out(tmp_path: Path) -> None:
    body = item(tmp_path, DE49="975")  # the Bulgarian lev, until 2025
    assert body["amount"] == 2150
    assert "original_amount" not in body


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"DE2": "5555555555554444"}, "DE2", "account_unknown"),
        ({"DE31": None}, "DE31", "unclear_presentment"),
        ({"DE3": "300000"}, "DE3", "unclear_presentment"),
        ({"DE51": "975"}, "DE51", "unclear_presentment"),
        ({"DE6": 150005, "DE51": "392", "PDS0148": "3922"}, "DE6", "unclear_presentment"),
        ({"DE4": None, "DE6": None, "DE51": None}, "DE4", "unclear_presentment"),
    ],
)
def test_an_unclear_presentment_is_refused_with_its_data_element(
    tmp_path: Path, fields: dict[str, Any], field: str, reason: str
) -> None:
    found = only(tmp_path, **fields)
    assert isinstance(found, Refusal), found
    assert (found.line, found.field, found.reason) == (2, field, reason)
    assert CARD not in found.detail


def test_a_description_that_cannot_be_read_does_not_cost_the_presentment(tmp_path: Path) -> None:
    body = item(tmp_path, DE12="261399999999", DE26=None, DE42=None, DE43="SHOP")
    assert body["merchant"] == {"name": "SHOP"}
    assert "occurred_at" not in body
    assert body["amount"] == 2150


def test_messages_between_members_are_skipped(tmp_path: Path) -> None:
    path = write_ipm(
        tmp_path / "file",
        {"MTI": "1442", "DE24": "450", "DE4": 2500},
        {"MTI": "1740", "DE24": "700", "DE4": 100},
    )
    assert [each.why for each in read(path) if isinstance(each, Skip)] == [
        "message of type 1644",
        "message of type 1442",
        "message of type 1740",
        "message of type 1644",
    ]


def test_a_presentment_that_a_file_has_twice_is_refused(tmp_path: Path) -> None:
    path = write_ipm(tmp_path / "file", presentment(), presentment())
    found = [*screened(IpmFile(path, FINDER).read, unique_ids=True)]
    assert [each.reason for each in found if isinstance(each, Refusal)] == ["reference_twice"]


def test_a_malformed_message_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    path = write_ipm(tmp_path / "file", presentment(), presentment("B" * 23), blocked=False)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"16" + CARD.encode(), b"xx" + CARD.encode(), 1))
    _, first, second, _ = read(path)
    assert isinstance(first, Refusal)
    assert (first.line, first.reason) == (2, "malformed_message")
    assert isinstance(second, FileRecord)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([presentment()], "does not begin with an IPM file header"),
        ([HEADER, presentment()], "not complete: no trailer follows message 2"),
        (
            [HEADER, presentment(), trailer(4)],
            "not complete: its trailer counts 4 messages, it has 3",
        ),
        (
            [HEADER, presentment(), presentment("B" * 23, DE4=1), trailer(4, 2500)],
            "not complete: its trailer has the sum of amounts 2500, it has 2501",
        ),
        ([HEADER, trailer(2), HEADER, presentment()], "no trailer follows message 4"),
    ],
)
def test_an_incomplete_file_is_refused_whole(
    tmp_path: Path, messages: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(UnusableFileError, match=re.escape(words)):
        read(write_messages(tmp_path / "file", *messages))


@pytest.mark.parametrize("blocked", [True, False])
def test_a_file_that_was_cut_is_refused_whole(tmp_path: Path, *, blocked: bool) -> None:
    messages = [presentment(f"{number:023}") for number in range(20)]
    path = write_ipm(tmp_path / "file", *messages, blocked=blocked)
    data = path.read_bytes()
    for size in (0, 3, 4, 100, 1014, 2028, len(data) // 2):
        path.write_bytes(data[:size])
        with pytest.raises(UnusableFileError):
            read(path)


def test_a_checksum_of_amounts_has_the_last_digits_of_a_longer_sum(tmp_path: Path) -> None:
    end = {**trailer(4), "PDS0301": f"{(2 * 999_999_999_999) % 10**12:012}"}
    amounts = [presentment(f"{number:023}", DE4=999_999_999_999) for number in range(2)]
    found = read(write_messages(tmp_path / "file", HEADER, *amounts, end))
    assert sum(isinstance(each, FileRecord) for each in found) == 2


def test_a_file_may_have_several_logical_files(tmp_path: Path) -> None:
    one = [HEADER, presentment(), trailer(3, 2500)]
    found = read(write_messages(tmp_path / "file", *one, *one))
    assert sum(isinstance(each, FileRecord) for each in found) == 2
