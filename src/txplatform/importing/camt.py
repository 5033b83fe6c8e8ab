"""Read the transactions of a camt.053 statement or camt.054 notification (ISO 20022).

Banks send versions 02 to 14, which differ little in the elements read here: for example, a status
is text or a code. Other readers were tried on tests/statements and on the public test files of
three projects. None reports the line of a transaction. Further reasons against them:

- pycamt takes the first amount below a transaction, which may be the payer's in another currency;
  it reads neither camt.054 nor prefixed names;
- camt053 has no amounts and references of the transactions in a batch;
- bankstatementparser reads no status, return or mandate, and one unclear entry stops it;
- pyiso20022 has no version above 12 and fails if a mandatory element is missing;
- ofxstatement-iso20022 is under the GPL and reads no camt.054.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from txplatform.importing.records import Refusal, UnusableFileError
from txplatform.importing.xml_entries import Element, read_entries

_NO_REFERENCE = frozenset({"NOTPROVIDED", "NONREF", "NOREF", "NOT PROVIDED"})
"""Texts that banks write in place of a reference."""


@dataclass(frozen=True, slots=True)
class BankTransaction:
    """One transaction of a booked entry.

    Attributes:
        credit: True if the bank account received the money.
        amount: As booked, in units of the account's currency.
        instructed: The amount and currency of the order, if the bank gives them.
        booked_on: The date or time of booking, or else of value.
        reversal: True if the bank marks it as the reversal of an earlier transaction.
        return_reason: The code and the bank's words; None if it is no return.
        family: The family and sub-family of its bank transaction code, such as `IDDT`, `ESDD`.
        entry_number: The number of its entry in the statement, from 1.
        number: Its number in a batch, from 1; 0 if the entry has only one transaction.
        references: The references by the names of their elements, such as `EndToEndId`.
        account_facts: The texts that may name the account, by the keys of `ACCOUNT_FACTS`.
    """

    line: int
    credit: bool
    amount: str
    currency: str
    instructed: tuple[str, str] | None
    booked_on: str | None
    reversal: bool
    return_reason: str | None
    family: tuple[str | None, str | None]
    statement_id: str | None
    entry_number: int
    number: int
    references: Mapping[str, str]
    account_facts: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class UnbookedEntry:
    """An entry that the bank has not booked yet; it comes again when it is booked."""

    line: int


_REFERENCES = ("AcctSvcrRef", "EndToEndId", "TxId", "UETR", "MndtId")


def read_transactions(path: Path) -> Iterator[BankTransaction | UnbookedEntry | Refusal]:
    """Yield the transactions of a statement or notification, in the order of the file.

    Raises:
        UnusableFileError: The file is not XML, has no statement, or is a camt.052 report.
    """
    statement_now, number = None, 0
    for statement, entry in read_entries(path):
        if statement.name == "Rpt":
            raise UnusableFileError(
                f"{path.name} is an account report (camt.052), which may still change.",
                next_step="Import the camt.053 statement or camt.054 notification.",
            )
        number = number + 1 if statement is statement_now else 1
        statement_now = statement
        yield from _transactions_of(statement, entry, number)


def _transactions_of(
    statement: Element, entry: Element, number: int
) -> Iterator[BankTransaction | UnbookedEntry | Refusal]:
    if (entry.text_at("Sts", "Cd") or entry.text_at("Sts")) != "BOOK":
        yield UnbookedEntry(entry.line)
        return
    details = entry.all("NtryDtls", "TxDtls")
    try:
        amounts = _amounts(entry, details)
    except ValueError as error:
        yield Refusal(entry.line, "Ntry", "unclear_amounts", f"{error}.")
        return
    if len(amounts) == 1:
        detail = details[0] if details else Element("TxDtls", entry.line)
        yield _transaction(statement, entry, detail, number, 0, amounts[0])
        return
    for index, (detail, amount) in enumerate(zip(details, amounts, strict=True), start=1):
        yield _transaction(statement, entry, detail, number, index, amount)


@dataclass(frozen=True, slots=True)
class _Amount:
    value: str
    currency: str
    credit: bool

    @classmethod
    def of(cls, element: Element, indicator: str | None) -> _Amount:
        if indicator not in {"CRDT", "DBIT"}:
            raise ValueError("CdtDbtInd is neither CRDT nor DBIT")
        return cls(element.text.strip(), element.attributes.get("Ccy", ""), indicator == "CRDT")

    @property
    def signed(self) -> Decimal:
        try:
            value = Decimal(self.value)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            raise ValueError("an amount is not a decimal number")
        return value if self.credit else -value


def _amounts(entry: Element, details: list[Element]) -> list[_Amount]:
    """Return the booked amount of each transaction, or of the entry if it has no details.

    The details of a batch must add up to the entry. A single transaction has the entry's amount,
    since banks fill its own amounts with the payer's currency, charges and rates.

    Raises:
        ValueError: The amounts are missing or do not add up.
    """
    booked = entry.first("Amt")
    if booked is None:
        raise ValueError("the entry has no amount")
    total = _Amount.of(booked, entry.text_at("CdtDbtInd"))
    announced = sum(
        int(each.text) for each in entry.all("NtryDtls", "Btch", "NbOfTxs") if each.text.isdecimal()
    )
    if announced > max(1, len(details)):
        raise ValueError(
            f"the bank announces {announced} transactions in this entry and gives {len(details)};"
            " the others may be in a camt.054 notification"
        )
    if len(details) <= 1:
        return [total]
    amounts = [_amount_of(detail, total) for detail in details]
    if sum(each.signed for each in amounts) != total.signed:
        raise ValueError("the transactions of the entry do not add up to its amount")
    return amounts


def _amount_of(detail: Element, total: _Amount) -> _Amount:
    for path in (("Amt",), ("AmtDtls", "TxAmt", "Amt"), ("AmtDtls", "InstdAmt", "Amt")):
        found = detail.first(*path)
        if found is not None and found.attributes.get("Ccy") == total.currency:
            indicator = detail.text_at("CdtDbtInd") or ("CRDT" if total.credit else "DBIT")
            return _Amount.of(found, indicator)
    raise ValueError("a transaction of the entry has no amount in the entry's currency")


def _transaction(  # noqa: PLR0913
    statement: Element,
    entry: Element,
    own: Element,
    entry_number: int,
    number: int,
    amount: _Amount,
) -> BankTransaction:
    return BankTransaction(
        line=own.line,
        credit=amount.credit,
        amount=amount.value,
        currency=amount.currency,
        instructed=_instructed(own) or _instructed(entry),
        booked_on=_date(entry, "BookgDt") or _date(entry, "ValDt"),
        reversal=entry.text_at("RvslInd") in {"true", "1"},
        return_reason=_return_reason(own),
        family=_family(own, entry),
        statement_id=statement.text_at("Id"),
        entry_number=entry_number,
        number=number,
        references=_references(entry, own),
        account_facts=_account_facts(entry, own),
    )


def _instructed(element: Element) -> tuple[str, str] | None:
    found = element.first("AmtDtls", "InstdAmt", "Amt")
    if found is None or "Ccy" not in found.attributes:
        return None
    return found.text.strip(), found.attributes["Ccy"]


def _date(entry: Element, name: str) -> str | None:
    """Return a time or a date, without the time zone that XML allows after a date."""
    date = entry.text_at(name, "Dt")
    return entry.text_at(name, "DtTm") or (date and date[: len("2026-11-20")])


def _return_reason(own: Element) -> str | None:
    information = own.first("RtrInf")
    if information is None:
        return None
    code = information.text_at("Rsn", "Cd") or information.text_at("Rsn", "Prtry")
    words = [each.text.strip() for each in information.all("AddtlInf")]
    return " ".join(filter(None, [code, *words])) or "returned"


def _family(own: Element, entry: Element) -> tuple[str | None, str | None]:
    for element in (own, entry):
        family = element.first("BkTxCd", "Domn", "Fmly")
        if family is not None:
            return family.text_at("Cd"), family.text_at("SubFmlyCd")
    return None, None


def _references(entry: Element, own: Element) -> dict[str, str]:
    """Return the references of the transaction, and the entry's own as `Ntry/AcctSvcrRef`."""
    found = {name: own.text_at("Refs", name) for name in _REFERENCES}
    found["Ntry/AcctSvcrRef"] = entry.text_at("AcctSvcrRef")
    return {
        name: text for name, text in found.items() if text and text.upper() not in _NO_REFERENCE
    }


def _account_facts(entry: Element, own: Element) -> dict[str, str | None]:
    text = [
        *own.all("RmtInf", "Ustrd"),
        *own.all("AddtlTxInf"),
        *entry.all("AddtlNtryInf"),
    ]
    parties = ("RltdPties",)
    return {
        "structured-reference": own.text_at("RmtInf", "Strd", "CdtrRefInf", "Ref")
        or own.text_at("RmtInf", "Strd", "CdtrRefInf", "CdtrRef"),
        "text": " ".join(each.text.strip() for each in text) or None,
        "debtor-account": _account_number(own, *parties, "DbtrAcct"),
        "creditor-account": _account_number(own, *parties, "CdtrAcct"),
        "end-to-end-id": own.text_at("Refs", "EndToEndId"),
        "mandate": own.text_at("Refs", "MndtId"),
    }


def _account_number(own: Element, *path: str) -> str | None:
    return own.text_at(*path, "Id", "IBAN") or own.text_at(*path, "Id", "Othr", "Id")
