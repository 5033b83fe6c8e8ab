"""The bodies of the messages that we send to other teams over Kafka."""

from __future__ import annotations

from dataclasses import dataclass, fields

from txplatform.contracts.decision import Decision, DecisionResponse, decision_response
from txplatform.contracts.times import rfc3339_or_none

# Schemas are generated from these annotations at run time.
from txplatform.domain.requests import Merchant

_ANSWER = tuple(field.name for field in fields(DecisionResponse))


@dataclass(frozen=True, slots=True)
class TransactionDecisioned(DecisionResponse):
    """`transactions.transaction-decisioned.v1`: the answer that was given, and what was asked.

    Attributes:
        merchant: Where the card was used.
        occurred_at: The merchant's time, RFC 3339 UTC; null where the request gave none.
    """

    merchant: Merchant
    occurred_at: str | None


def transaction_decisioned(event: Decision) -> TransactionDecisioned:
    """The message that tells of this decision."""
    answer, purchase = decision_response(event), event.purchase
    return TransactionDecisioned(
        **{name: getattr(answer, name) for name in _ANSWER},
        merchant=purchase.merchant,
        occurred_at=rfc3339_or_none(purchase.occurred_at),
    )
