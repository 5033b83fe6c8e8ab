"""Build the authorization requests and presentments for the real purchases and refunds."""

from typing import Any

from txplatform.simulation.barnet import LIMITS_MINOR, RealRow

CURRENCY = "GBP"

EVERY_MISTYPED = 50
"""Before every 50th purchase, a request with a mistyped amount above every limit is sent."""
MISTYPED_BY = 2 * max(LIMITS_MINOR)
EVERY_PRESENTED_TWICE = 11
"""Every 11th clearing is presented twice."""
EVERY_CORRECTED = 97
"""Every 97th clearing is presented with a wrong amount, corrected, and presented again."""
WRONG_BY = 100
HOTELS = "7011"
"""ISO 18245, lodging. Hotels hold 20 % more than they clear."""


def account_id(year: int, card: int) -> str:
    """Return the id of a card's account in run number `year`; each run has its own accounts."""
    return f"barnet-y{year}-card{card:02d}"


def transaction_id(year: int, row: RealRow) -> str:
    """Return the transaction id of a purchase; clearing ids are derived from it."""
    return f"barnet-y{year}-tx{row.number:04d}"


def authorization_requests(year: int, row: RealRow) -> list[dict[str, Any]]:
    """Return the requests for a purchase, including any mistyped request; empty for a refund."""
    if row.amount < 0:
        return []
    held = row.amount * 6 // 5 if row.merchant["category_code"] == HOTELS else row.amount
    request = _purchase(year, row, transaction_id(year, row), held)
    if row.number % EVERY_MISTYPED:
        return [request]
    mistyped = f"{transaction_id(year, row)}-mistyped"
    return [_purchase(year, row, mistyped, row.amount + MISTYPED_BY), request]


def presentments(year: int, row: RealRow) -> list[dict[str, Any]]:
    """Return the presentments that are sent on the posting day of a purchase or refund."""
    name = transaction_id(year, row)
    presented = _presentment(year, row, f"{name}-c1", abs(row.amount))
    if row.amount > 0 and row.number % EVERY_CORRECTED == 0:
        wrong = {**presented, "amount": row.amount + WRONG_BY}
        correction = {
            **wrong,
            "clearing_id": f"{name}-c2",
            "direction": "credit",
            "reverses_clearing_id": wrong["clearing_id"],
        }
        return [wrong, correction, {**presented, "clearing_id": f"{name}-c3"}]
    return [presented] * (2 if row.number % EVERY_PRESENTED_TWICE == 0 else 1)


def _purchase(year: int, row: RealRow, name: str, amount: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "transaction_id": name,
        "account_id": account_id(year, row.card),
        "amount": amount,
        "currency": CURRENCY,
        "merchant": row.merchant,
        "occurred_at": f"{row.day}T12:00:00Z",
    }
    if row.original_currency is not None:
        body["original_amount"] = row.original_amount
        body["original_currency"] = row.original_currency
    return body


def _presentment(year: int, row: RealRow, clearing_id: str, amount: int) -> dict[str, Any]:
    return {
        "clearing_id": clearing_id,
        "account_id": account_id(year, row.card),
        # The file does not link a refund to its purchase.
        "transaction_id": transaction_id(year, row) if row.amount > 0 else None,
        "direction": "debit" if row.amount > 0 else "credit",
        "reverses_clearing_id": None,
        "amount": amount,
        "currency": CURRENCY,
        "original_amount": row.original_amount,
        "original_currency": row.original_currency,
        "final": True,
        "merchant": row.merchant,
        "presented_at": f"{row.posted}T04:00:00Z",
    }
