"""The body of the message of a decision."""

from __future__ import annotations

from dataclasses import dataclass

from txplatform.contracts.decision import DecisionResponse
from txplatform.domain.requests import Merchant


@dataclass(frozen=True, slots=True)
class TransactionDecisioned(DecisionResponse):
    """`transactions.transaction-decisioned.v1`: the response, and parts of the request.

    Attributes:
        merchant: The merchant where the card was used.
        occurred_at: The merchant's time, RFC 3339 UTC; null if the request had none.
    """

    merchant: Merchant
    occurred_at: str | None
