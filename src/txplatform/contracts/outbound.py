"""The body of the message of a decision."""

from dataclasses import dataclass
from typing import ClassVar

from txplatform.contracts.decision import Decision, DecisionResponse, decision_fields
from txplatform.contracts.times import rfc3339_or_none
from txplatform.domain.requests import Merchant


@dataclass(slots=True)
class TransactionDecisioned(DecisionResponse):
    """`transactions.transaction-decisioned.v1`: the response, and parts of the request.

    Attributes:
        merchant: The merchant where the card was used.
        occurred_at: The merchant's time, RFC 3339 UTC; null if the request had none.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-decisioned.v1"

    merchant: Merchant
    occurred_at: str | None


def transaction_decisioned(event: Decision) -> TransactionDecisioned:
    """Return the message of a decision."""
    purchase = event.purchase
    return TransactionDecisioned(
        **decision_fields(event),
        merchant=purchase.merchant,
        occurred_at=rfc3339_or_none(purchase.occurred_at),
    )
