"""Read the real purchases and refunds that the simulation replays.

Source: London Borough of Barnet, Open Barnet, purchasing cards 2017/18. The file has merchants,
dates, amounts and original currencies. Cards, merchant categories and countries are not in the file
and are derived here. The 126 negative amounts are refunds; the file does not name their purchases.
"""

import csv
import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from importlib import resources

CARDS = 40
"""The number of cards that make the purchases."""

LIMITS_MINOR = (15_000_000, 20_000_000, 25_000_000, 30_000_000)
"""Credit limits in pence, by card number modulo 4; high enough for every purchase of the file."""

_FILE = "barnet-purchasing-cards-2017-18.csv"
_DATE, _POSTED = "FIN.TRANSACTION DATE", "FIN.POSTING DATE"
_AMOUNT = "FIN.TRANSACTION AMOUNT"
_MERCHANT, _CITY = "MCH.MERCHANT NAME", "MCH.CITY NAME"
_ORIGINAL = "FIN.ORIGINAL CURRENCY AMOUNT"
_ORIGINAL_CURRENCY = "FIN.ORIGINAL ISO CURRENCY CODE SYMBOL"

_CATEGORIES = (
    (("TESCO", "SAINSBURY", "ASDA", "WAITROSE", "MORRISONS", "CO-OP", "ALDI", "LIDL"), "5411"),
    (("AMAZON", "AMZN", "EBAY", "WWW.", ".CO.UK", ".COM"), "5999"),
    (("TRAIN", "RAIL", "TFL", "BUS", "UBER", "TAXI"), "4111"),
    (("HOTEL", "INN", "TRAVELODGE"), "7011"),
    (("PIZZA", "COSTA", "STARBUCKS", "CAFE", "RESTAURANT", "NANDO"), "5812"),
    (("PARK",), "7523"),
    (("POST OFFICE", "ROYAL MAIL"), "9402"),
)
_OTHER_CATEGORY = "9399"
"""ISO 18245: government services, not elsewhere classified."""

_COUNTRIES = {"USD": "USA", "EUR": "IRL"}
"""Countries by original currency; the country of every other purchase is GBR."""


@dataclass(frozen=True, slots=True)
class RealRow:
    """One row of the file.

    Attributes:
        number: The number of the row, from 1.
        card: The number of the card, from 0.
        day: The day on which the card was used.
        posted: The day of posting: the same day, or up to 16 days later.
        amount: Pence; negative for a refund.
        merchant: As sent in requests and presentments.
        original_amount: Minor units of `original_currency`; None for a purchase in sterling.
    """

    number: int
    card: int
    day: date
    posted: date
    amount: int
    merchant: dict[str, str]
    original_amount: int | None
    original_currency: str | None


def real_rows() -> list[RealRow]:
    """Return all rows, sorted by day and then by row number."""
    path = resources.files("txplatform.simulation") / "data" / _FILE
    lines = path.read_text(encoding="latin-1").splitlines()
    rows = [_row(number, row) for number, row in enumerate(csv.DictReader(lines), 1)]
    return sorted(rows, key=lambda row: (row.day, row.number))


def card_of(merchant_name: str, city: str) -> int:
    """Return the number of the card that is used for all purchases at this merchant."""
    digest = hashlib.sha256(f"{merchant_name}|{city}".encode()).digest()
    return int.from_bytes(digest[:4]) % CARDS


def _row(number: int, row: dict[str, str]) -> RealRow:
    name = re.sub(r"[^\x20-\x7e]+", " ", row[_MERCHANT]).strip()
    category = next(
        (code for words, code in _CATEGORIES if any(word in name.upper() for word in words)),
        _OTHER_CATEGORY,
    )
    abroad = row[_ORIGINAL_CURRENCY] != "GBP"
    return RealRow(
        number=number,
        card=card_of(row[_MERCHANT], row[_CITY]),
        day=_day(row[_DATE]),
        posted=_day(row[_POSTED]),
        amount=_minor(row[_AMOUNT]),
        merchant={
            "id": f"m-{hashlib.sha256(name.encode()).hexdigest()[:10]}",
            "name": name,
            "category_code": category,
            "country": _COUNTRIES.get(row[_ORIGINAL_CURRENCY], "GBR"),
        },
        original_amount=abs(_minor(row[_ORIGINAL])) if abroad else None,
        original_currency=row[_ORIGINAL_CURRENCY] if abroad else None,
    )


def _day(text: str) -> date:
    return datetime.strptime(text, "%d/%m/%y").date()  # noqa: DTZ007  # a date has no zone


def _minor(amount: str) -> int:
    """Convert `1,234.50` to 123450; pounds, dollars and euros all have two decimals."""
    return int(Decimal(amount.replace(",", "").strip()) * 100)
