"""Turn the transactions of a bank account into payments and returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, assert_never

from txplatform.contracts.messages import PaymentReturnedMessage, PaymentSubmittedMessage
from txplatform.importing.account_finder import AccountFinder
from txplatform.importing.amounts import minor_units
from txplatform.importing.camt import BankTransaction, UnbookedEntry, read_transactions
from txplatform.importing.records import FileRecord, Read, Refusal, Skip, UnclearRecordError

PaymentId = Literal["auto", "end-to-end-id", "bank-reference"]

_DIRECT_DEBITS = frozenset({"IDDT", "RDDT"})
_TRANSFERS = frozenset({"RCDT", "ICDT", "RRCT", "IRCT"})
"""Families of payments (ISO 20022, external code set BankTransactionFamily)."""

_RETURNS = frozenset({"UPDD", "PRDD", "RCDD", "RRTN", "ARET"})
"""The sub-families of unpaid, reversed and returned payments."""


@dataclass(frozen=True, slots=True)
class BankPayments:
    """Reads payments and returns from a camt.053 or camt.054 file.

    Attributes:
        payment_id: The reference that becomes the payment id. With `auto`, this is the end-to-end
            id for a direct debit, since its return repeats it. For a transfer it is the bank's
            reference, since the end-to-end id is the payer's and may repeat.
    """

    path: Path
    finder: AccountFinder
    payment_id: PaymentId = "auto"

    def read(self) -> Iterator[Read]:
        """Yield a record for each payment and return.

        Raises:
            UnusableFileError: The file is damaged, or neither a statement nor a notification.
        """
        for each in read_transactions(self.path):
            match each:
                case UnbookedEntry():
                    yield Skip(each.line, "entry that is not booked yet")
                case Refusal():
                    yield each
                case BankTransaction():
                    yield self._record(each)
                case _:
                    assert_never(each)

    def _record(self, transaction: BankTransaction) -> Read:
        family, sub_family = transaction.family
        returned = (
            transaction.return_reason is not None
            or transaction.reversal
            or sub_family in _RETURNS
            or (family == "IDDT" and not transaction.credit)  # money goes back to the payer
        )
        if not transaction.credit and not returned:
            return Skip(transaction.line, "debit of the bank account")
        try:
            return self._return(transaction) if returned else self._payment(transaction)
        except UnclearRecordError as error:
            # Name the position too, since a file may be one line.
            place = f"Ntry[{transaction.entry_number}]"
            if transaction.number:
                place += f"/TxDtls[{transaction.number}]"
            return error.refusal(transaction.line, f"{place}/")

    def _payment(self, transaction: BankTransaction) -> FileRecord:
        payment_id, from_position = self._id_of_payment(transaction)
        body = {
            "payment_id": payment_id,
            "account_id": self._account_of(transaction),
            "amount": _minor_units(transaction.amount, transaction.currency),
            "currency": transaction.currency,
            "submitted_at": transaction.booked_on,
            **_description(transaction),
        }
        return FileRecord(transaction.line, PaymentSubmittedMessage.TOPIC, body, from_position)

    def _return(self, transaction: BankTransaction) -> FileRecord:
        if transaction.credit:
            raise UnclearRecordError(
                "RtrInf",
                "credit_returned",
                "money came back that was paid out or returned before. If it is a payment, send"
                " it with a payment id of its own.",
            )
        body = {
            "payment_id": self._id_of_return(transaction),
            "account_id": self._account_of(transaction),
            "amount": _minor_units(_returned_amount(transaction), transaction.currency),
            "currency": transaction.currency,
            "reason": transaction.return_reason or "returned",
            "returned_at": transaction.booked_on,
        }
        return FileRecord(transaction.line, PaymentReturnedMessage.TOPIC, body)

    def _account_of(self, transaction: BankTransaction) -> str:
        account_id = self.finder.account_of(transaction.account_facts)
        if account_id is None:
            raise UnclearRecordError(
                "RmtInf",
                "account_unknown",
                "nothing that --account-by names leads to an account.",
            )
        return account_id

    def _id_of_payment(self, transaction: BankTransaction) -> tuple[str, bool]:
        """Return the payment id, and whether it comes from the position in the statement."""
        of_order = transaction.references.get("EndToEndId")
        collected = transaction.family[0] in _DIRECT_DEBITS or "MndtId" in transaction.references
        by_order = {"auto": collected, "end-to-end-id": True, "bank-reference": False}
        if of_order is not None and by_order[self.payment_id]:
            return of_order, False
        if (reference := _bank_reference(transaction)) is not None:
            return reference, False
        if transaction.statement_id is None:
            raise UnclearRecordError(
                "Refs", "no_reference", "neither the transaction nor its statement has a reference."
            )
        position = f"{transaction.statement_id}/{transaction.entry_number}/{transaction.number}"
        return position, True

    def _id_of_return(self, transaction: BankTransaction) -> str:
        """Return the id of the returned payment, which is known only if it is an end-to-end id."""
        of_order = transaction.references.get("EndToEndId")
        known = {
            "auto": transaction.family[0] not in _TRANSFERS,
            "end-to-end-id": True,
            "bank-reference": False,
        }
        if of_order is None or not known[self.payment_id]:
            raise UnclearRecordError(
                "Refs",
                "payment_unknown",
                "the file does not name the payment that is returned. Look up its payment id and"
                " send the return with it.",
            )
        return of_order


def _minor_units(amount: str, currency: str) -> int:
    try:
        return minor_units(amount, currency)
    except ValueError as error:
        raise UnclearRecordError("Amt", "amount", f"the amount {error}.") from None


def _bank_reference(transaction: BankTransaction) -> str | None:
    """Return the bank's reference of the transaction, or else its UETR or `TxId`.

    In a batch, the last resort is the entry's reference with the number of the transaction.
    """
    references = transaction.references
    own, of_entry = references.get("AcctSvcrRef"), references.get("Ntry/AcctSvcrRef")
    in_batch = transaction.number > 0
    if in_batch and own == of_entry:
        own = None
    found = own or (None if in_batch else of_entry)
    found = found or references.get("UETR") or references.get("TxId")
    return found or (f"{of_entry}/{transaction.number}" if of_entry is not None else None)


def _returned_amount(transaction: BankTransaction) -> str:
    """Return the amount of the payment; a return may be booked with the bank's charges."""
    if not transaction.credit and transaction.instructed is not None:
        amount, currency = transaction.instructed
        if currency == transaction.currency and _is_below(amount, transaction.amount):
            return amount
    return transaction.amount


def _is_below(amount: str, other: str) -> bool:
    try:
        return 0 < Decimal(amount) < Decimal(other)
    except ArithmeticError:
        return False


def _description(transaction: BankTransaction) -> dict[str, Any]:
    """Return the fields of a payment that only describe it."""
    facts, references = transaction.account_facts, transaction.references
    bank = {
        "statement": transaction.statement_id,
        "bank_reference": references.get("AcctSvcrRef") or references.get("Ntry/AcctSvcrRef"),
    }
    found: dict[str, Any] = {
        "reference": references.get("EndToEndId") or facts["structured-reference"],
        "metadata": {name: text for name, text in bank.items() if text is not None},
    }
    if transaction.instructed is not None and transaction.instructed[1] != transaction.currency:
        amount, currency = transaction.instructed
        with suppress(ValueError):  # it only describes
            found["original_amount"] = minor_units(amount, currency)
            found["original_currency"] = currency
    return {name: value for name, value in found.items() if value}
