"""Payments and returns from bank statements of the shapes in tests/statements."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from txplatform.contracts.messages import PaymentReturnedMessage, PaymentSubmittedMessage
from txplatform.importing.account_finder import AccountFinder, read_accounts
from txplatform.importing.bank_payments import BankPayments, PaymentId
from txplatform.importing.records import FileRecord, Read, Refusal, Skip, UnusableFileError
from txplatform.importing.screening import screened

STATEMENTS = Path(__file__).parents[1] / "statements"
SUBMITTED, RETURNED = PaymentSubmittedMessage.TOPIC, PaymentReturnedMessage.TOPIC
BY_TEXT = AccountFinder(["text", "mandate"], re.compile(r"A-\d{4}"))
BY_REFERENCE = AccountFinder(["structured-reference"])


def read(name: str, finder: AccountFinder = BY_TEXT, payment_id: PaymentId = "auto") -> list[Read]:
    """Read a statement."""
    return [*BankPayments(STATEMENTS / f"{name}.xml", finder, payment_id).read()]


def money(record: Read) -> tuple[str, Any, Any, Any, Any]:
    """Return what a record posts."""
    assert isinstance(record, FileRecord), record
    body = record.body
    kind = {SUBMITTED: "payment", RETURNED: "return"}[record.topic or ""]
    return kind, body["payment_id"], body["account_id"], body["amount"], body["currency"]


def refusal(found: Read) -> tuple[int, str | None, str]:
    """Return the place and the reason of a refusal."""
    assert isinstance(found, Refusal), found
    return found.line, found.field, found.reason


def test_a_german_statement_has_transfers_collections_and_returns_without_charges() -> None:
    *records, fee, pending = read("german-savings-bank")
    assert [money(each) for each in records] == [
        ("payment", "2026112011111111000", "A-1001", 15000, "EUR"),
        ("payment", "COLL-7-1", "A-1001", 10050, "EUR"),
        ("payment", "COLL-7-2", "A-1002", 2000, "EUR"),
        ("return", "COLL-7-1", "A-1001", 10050, "EUR"),
    ]
    assert isinstance(records[-1], FileRecord)
    assert records[-1].body["reason"] == "AC04 Konto aufgelöst"
    assert records[-1].body["returned_at"] == "2026-11-20"
    assert fee == Skip(71, "debit of the bank account")
    assert pending == Skip(78, "entry that is not booked yet")


def test_a_newer_german_statement_has_coded_statuses_and_reversals_by_their_indicator() -> None:
    finder = AccountFinder(["structured-reference", "mandate"])
    assert [money(each) for each in read("german-commercial-bank", finder)] == [
        ("payment", "6f0a9f0e-2f6c-4a5e-9f43-0d8f3f1b7a11", "RF18539007547034", 6000, "EUR"),
        ("return", "COLL-7-2", "M-A-1002", 2000, "EUR"),
    ]


def test_a_swiss_notification_has_one_payment_for_each_qr_bill() -> None:
    assert [money(each) for each in read("swiss-post-office-bank", BY_REFERENCE)] == [
        ("payment", "261120CH00AAAA01", "210000000003139471430009017", 5000, "CHF"),
        ("payment", "261120CH00AAAA02", "000000000000000000000012345", 2535, "CHF"),
    ]


def test_a_dutch_statement_has_prefixes_times_and_a_batch_whose_details_come_separately() -> None:
    payment, batch = read("dutch-bank")
    assert money(payment) == ("payment", "N26324AA001", "A-1001", 1250, "EUR")
    assert isinstance(payment, FileRecord)
    assert payment.body["submitted_at"] == "2026-11-20T14:03:11+01:00"
    assert refusal(batch) == (24, "Ntry", "unclear_amounts")


def test_transactions_that_repeat_the_reference_of_their_entry_get_its_number_added() -> None:
    """Otherwise two equal payments of one person would be taken for one."""
    assert [money(each) for each in read("nordic-bank", BY_REFERENCE)] == [
        ("payment", "BGI2611200001/1", "1212121212", 35000, "SEK"),
        ("payment", "BGI2611200001/2", "1212121212", 35000, "SEK"),
    ]


def test_a_statement_without_references_gives_ids_by_position() -> None:
    first, second, interest = read("british-bank")
    assert [money(each) for each in (first, second)] == [
        ("payment", "40127641234567/20261120/1/0", "A-1001", 8000, "GBP"),
        ("payment", "40127641234567/20261120/2/0", "A-1001", 8000, "GBP"),
    ]
    assert isinstance(first, FileRecord)
    assert first.from_position
    assert refusal(interest) == (1, "Ntry[3]/RmtInf", "account_unknown")


def test_a_foreign_payment_is_booked_in_the_currency_of_the_account() -> None:
    payment, fraction = read("baltic-bank")
    assert money(payment) == ("payment", "RO123L01", "A-1001", 9231, "EUR")
    assert isinstance(payment, FileRecord)
    assert payment.body["submitted_at"] == "2026-11-20"
    assert payment.body["original_amount"] == 10000
    assert payment.body["original_currency"] == "USD"
    assert refusal(fraction) == (29, "Ntry[2]/Amt", "amount")


def test_a_french_notification_has_unpaid_collections_and_what_needs_a_person() -> None:
    first, second, recall, paid_out = read("french-bank")
    assert [money(each) for each in (first, second)] == [
        ("return", "PRLV-1", "A-1001", 4000, "EUR"),
        ("return", "PRLV-2", "A-1002", 2500, "EUR"),
    ]
    assert refusal(recall) == (33, "Ntry[2]/Refs", "payment_unknown")
    assert refusal(paid_out) == (43, "Ntry[3]/RtrInf", "credit_returned")


def test_amounts_have_the_decimals_of_their_currency() -> None:
    assert [money(each) for each in read("japanese-and-gulf-bank")] == [
        ("payment", "J1", "A-1001", 15000, "JPY"),
        ("payment", "K1", "A-1001", 1005, "KWD"),
    ]


def test_a_team_can_choose_the_reference_that_is_the_payment_id() -> None:
    by_order = read("german-savings-bank", payment_id="end-to-end-id")
    assert [money(each)[1] for each in by_order[:2]] == ["2026112011111111000", "COLL-7-1"]
    first, collection, _, returned, *_ = read("german-savings-bank", payment_id="bank-reference")
    assert money(first)[1] == "2026112011111111000"
    assert money(collection)[1] == "2026112022222222000/1"
    assert refusal(returned)[2] == "payment_unknown"


@pytest.mark.parametrize("path", sorted(STATEMENTS.glob("*.xml")), ids=lambda path: path.stem)
def test_a_statement_read_again_gives_the_same_records(path: Path) -> None:
    assert read(path.stem) == read(path.stem)


STATEMENT = """<Document><BkToCstmrStmt><Stmt><Id>S</Id>{}</Stmt></BkToCstmrStmt></Document>"""
ENTRY = (
    '<Ntry><Amt Ccy="EUR">{total}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>'
    "<BookgDt><DtTm>2026-11-20T10:00:00Z</DtTm></BookgDt><NtryDtls>{details}</NtryDtls></Ntry>"
)


def details(*amounts: str, currency: str = "EUR", reference: str = "R{}") -> str:
    """Return transactions with these amounts."""
    return "".join(
        f"<TxDtls><Refs><AcctSvcrRef>{reference.format(number)}</AcctSvcrRef></Refs>"
        f'<Amt Ccy="{currency}">{amount}</Amt>'
        "<RmtInf><Ustrd>A-1001</Ustrd></RmtInf></TxDtls>"
        for number, amount in enumerate(amounts)
    )


def read_text(text: str, folder: Path) -> list[Read]:
    """Read a statement with this text."""
    path = folder / "statement.xml"
    path.write_text(text, encoding="utf-8")
    return [*screened(BankPayments(path, BY_TEXT).read, unique_ids=True)]


@pytest.mark.parametrize(
    ("total", "transactions"),
    [
        ("30.00", details("10.00", "20.01")),
        ("30.00", details("10.00", "20.00", currency="USD")),
        ("30.00", details("10.00", "ten")),
        ("30.00", "<TxDtls/><TxDtls/>"),
    ],
    ids=["another sum", "another currency", "no number", "no amounts"],
)
def test_a_batch_whose_amounts_are_unclear_is_refused_whole(
    tmp_path: Path, total: str, transactions: str
) -> None:
    (found,) = read_text(
        STATEMENT.format(ENTRY.format(total=total, details=transactions)), tmp_path
    )
    assert refusal(found) == (1, "Ntry", "unclear_amounts")


def test_a_reference_that_a_file_has_twice_for_an_account_is_refused(tmp_path: Path) -> None:
    entry = ENTRY.format(total="30.00", details=details("10.00", "20.00", reference="same"))
    first, second = read_text(STATEMENT.format(entry), tmp_path)
    assert isinstance(first, FileRecord)
    assert refusal(second) == (1, "payment_id", "reference_twice")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no statement"),
        ("<Document>\n<Stmt></Document>", "line 2: not well-formed XML"),
        ("<Document/>", "has no statement"),
        (
            "<Document><BkToCstmrAcctRpt><Rpt><Ntry/></Rpt></BkToCstmrAcctRpt></Document>",
            "camt.052",
        ),
        ('<!DOCTYPE d [<!ENTITY e "x">]><Document>&e;</Document>', "document type definition"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UnusableFileError, match=re.escape(words)):
        read_text(text, tmp_path)


def test_accounts_are_found_by_keys_whatever_their_blanks(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text("key,account_id\nDE75 5121 0800 1245 1261 99,acc-7\n", encoding="utf-8")
    finder = AccountFinder(["text", "debtor-account"], accounts=read_accounts(path))
    assert money(read("german-savings-bank", finder)[0])[2] == "acc-7"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("account_id,key\n", "line 1: the header is not key,account_id"),
        ("key,account_id\nk1,a\nk2\n", "line 3: needs a key and an account id"),
        ("key,account_id\nk1,a\nK 1,b\n", "line 3: an earlier line has another account"),
    ],
)
def test_a_wrong_file_of_accounts_names_the_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnusableFileError, match=re.escape(words)):
        read_accounts(path)
