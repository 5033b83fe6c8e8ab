"""Turn the presentments of a Mastercard IPM file into settlement items.

All other messages are skipped: headers and trailers (1644), chargebacks (1442), fees (1740).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from iso4217 import Currency

from txplatform.importing.account_finder import AccountFinder
from txplatform.importing.amounts import to_minor_units
from txplatform.importing.ipm_messages import Message, read_messages
from txplatform.importing.records import FileRecord, Read, Refusal, Skip, UnclearRecordError

TransactionId = Literal["trace-id", "retrieval-reference", "approval-code", "none"]

_PRESENTMENT = "1240"
_FIRST_PRESENTMENT = "200"
_MORE_FOLLOW = "1403"
"""The message reason code (DE 25) of a partial clearing that is not the last one."""

_DIRECTIONS = {
    **dict.fromkeys(("00", "01", "09", "12", "17", "18"), "debit"),
    **dict.fromkeys(("20", "28"), "credit"),
}
"""The direction of each kind of transaction: the first two digits of DE 3."""

_OPPOSITE = {"debit": "credit", "credit": "debit"}
_CURRENCIES = {f"{currency.number:03}": currency for currency in Currency}


def _unclear(element: str, what: str) -> UnclearRecordError:
    return UnclearRecordError(element, "unclear_presentment", f"{element} {what}.")


@dataclass(frozen=True, slots=True)
class IpmFile:
    """Reads an IPM clearing file.

    Attributes:
        finder: Finds the account by the fact `card-number` (DE 2).
        transaction_id: The data element that is the authorization's transaction id.
        encoding: The code page; None for ASCII or EBCDIC, as the file has it.
    """

    path: Path
    finder: AccountFinder
    transaction_id: TransactionId = "trace-id"
    encoding: str | None = None

    def read(self) -> Iterator[Read]:
        """Yield a settlement item for each presentment.

        Raises:
            UnusableFileError: The file is no IPM file, or is not complete.
        """
        file_id = None
        for number, message in read_messages(self.path, self.encoding):
            if isinstance(message, Refusal):
                yield message
            elif message["MTI"] != _PRESENTMENT:
                file_id = message.get("PDS0105", "").strip() or file_id
                yield Skip(number, f"message of type {message['MTI']}")
            else:
                yield self._record(number, message, file_id)

    def _record(self, number: int, message: Message, file_id: str | None) -> Read:
        account_id = self.finder.account_of({"card-number": message.get("DE2")})
        if account_id is None:
            last = str(message.get("DE2", ""))[-4:]
            return Refusal(
                number,
                "DE2",
                "account_unknown",
                f"no line of --accounts has the card that ends with {last}.",
            )
        try:
            body = {"account_id": account_id, **_money(message), **_ids(message)}
        except UnclearRecordError as error:
            return error.refusal(number)
        body["transaction_id"] = self._transaction_id(message)
        body |= _description(message)
        if file_id is not None:
            body["metadata"] = {"file": file_id, "message": str(message.get("DE71", number))}
        return FileRecord(
            number, None, {k: value for k, value in body.items() if value is not None}
        )

    def _transaction_id(self, message: Message) -> str | None:
        found = {
            # The first character is the life cycle indicator; the trace id follows.
            "trace-id": message.get("DE63", "")[1:],
            "retrieval-reference": message.get("DE37", ""),
            "approval-code": message.get("DE38", ""),
            "none": "",
        }
        return found[self.transaction_id].strip() or None


def _ids(message: Message) -> dict[str, Any]:
    """Return the fields that identify the presentment.

    The acquirer reference (DE 31) is the id of a first presentment; a later one has its function
    code added. A reversal (PDS 0025) repeats both, and the processing code of its original.
    """
    reference = message.get("DE31", "").strip()
    if not reference:
        raise _unclear("DE31", "is missing: without it the presentment has no id")
    function = message.get("DE24", "")
    clearing_id = reference if function == _FIRST_PRESENTMENT else f"{reference}-{function}"
    direction = _DIRECTIONS.get(message.get("DE3", "")[:2])
    if direction is None:
        raise _unclear("DE3", "is a kind of transaction that is neither debit nor credit")
    if not message.get("PDS0025", "").startswith("R"):
        final = message.get("DE25") != _MORE_FOLLOW
        return {"clearing_id": clearing_id, "direction": direction, "final": final}
    return {
        "clearing_id": f"{clearing_id}-R",
        "direction": _OPPOSITE[direction],
        "reverses_clearing_id": clearing_id,
    }


def _money(message: Message) -> dict[str, Any]:
    """Return the amount that the cardholder is billed, and the merchant's if it differs."""
    if "DE6" not in message:
        amount, currency = _amount(message, "DE4", "DE49")
        return {"amount": amount, "currency": currency}
    amount, currency = _amount(message, "DE6", "DE51")
    found: dict[str, Any] = {"amount": amount, "currency": currency}
    try:
        original_amount, original_currency = _amount(message, "DE4", "DE49")
    except UnclearRecordError:
        return found  # it only describes
    if original_currency != currency:
        found |= {"original_amount": original_amount, "original_currency": original_currency}
    return found


def _amount(message: Message, element: str, currency_element: str) -> tuple[int, str]:
    """Return an amount in minor units of its currency, and the currency's code.

    The network's decimals (PDS 0148) may differ from those of ISO 4217.
    """
    amount, number = message.get(element), message.get(currency_element)
    if amount is None:
        raise _unclear(element, "is missing")
    currency = _CURRENCIES.get(number or "")
    if currency is None:
        raise _unclear(currency_element, "is no currency of ISO 4217")
    decimals = currency.exponent or 0
    exponents = message.get("PDS0148", "")
    for start in range(0, len(exponents) - 3, 4):
        if exponents[start : start + 3] == number and exponents[start + 3].isdecimal():
            decimals = int(exponents[start + 3])
    try:
        return to_minor_units(Decimal(amount).scaleb(-decimals), currency.code), currency.code
    except ValueError as error:
        raise _unclear(element, str(error)) from None


def _description(message: Message) -> dict[str, Any]:
    """Return the fields that only describe the presentment."""
    # DE 43 is name\address\city\, then postal code, region and country in fixed columns.
    name, *rest = message.get("DE43", "").split("\\")
    merchant = {
        "id": message.get("DE42", "").strip(),
        "name": name.strip(),
        "category_code": message.get("DE26", "").strip(),
        "country": rest[-1].strip()[-3:] if rest else "",
    }
    merchant = {name: text for name, text in merchant.items() if text}
    return {
        "merchant": merchant or None,
        "occurred_at": _local_time(message.get("DE12")),
        "reference": message["DE31"].strip(),
    }


def _local_time(text: str | None) -> str | None:
    """Return the acceptor's local time (DE 12), which names no time zone."""
    try:
        return datetime.strptime(text or "", "%y%m%d%H%M%S").isoformat()  # noqa: DTZ007
    except ValueError:
        return None
