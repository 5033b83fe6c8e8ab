"""Raising a hold: the request, and the answer made from the stored event alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from txplatform.contracts.fields import Amount, Identifier
from txplatform.contracts.times import rfc3339
from txplatform.domain.events import AuthorizationIncremented, IncrementDeclined
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.domain.money import Balance
from txplatform.domain.reasons import Reason
from txplatform.domain.requests import Increment


class IncrementRequest(BaseModel):
    """A raise of a hold to decide."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"increment_id": "inc-1", "amount": 300}]},
    )

    increment_id: Annotated[
        Identifier,
        Field(description="The idempotency key, for ever.", examples=["inc-1"]),
    ]
    amount: Annotated[Amount, Field(description="By how much, minor units.")]

    def to_increment(self, account_id: str, transaction_id: str) -> Increment:
        """The increment that is asked for."""
        return Increment(
            self.increment_id, TransactionId(transaction_id), AccountId(account_id), self.amount
        )


@dataclass(frozen=True, slots=True)
class IncrementResponse:
    """How a raise of a hold was decided.

    Attributes:
        response_code: ISO 8583:1987 field 39; of a decline, its first reason's.
        reasons: Every refusal, most important first.
        amount: By how much, minor units.
        balance: The money after it; null where there is no account.
        ruleset: The rules it was held against.
        account_version: The account's version with this decision.
        decided_at: RFC 3339 UTC.
    """

    increment_id: str
    transaction_id: str
    account_id: str
    decision: Literal["approved", "declined"]
    response_code: str
    reasons: tuple[Reason, ...]
    amount: int
    balance: Balance | None
    ruleset: str
    account_version: int
    event_id: str
    decided_at: str


def increment_answer(event: AuthorizationIncremented | IncrementDeclined) -> IncrementResponse:
    """The answer that this event stands for."""
    increment = event.increment
    decision: Literal["approved", "declined"]
    reasons: tuple[Reason, ...]
    match event:
        case AuthorizationIncremented():
            decision, reasons = "approved", ()
        case IncrementDeclined():
            decision, reasons = "declined", event.reasons
    return IncrementResponse(
        increment.increment_id,
        increment.transaction_id,
        account_of(event.originator_id),
        decision,
        event.response_code,
        reasons,
        increment.amount,
        event.balance,
        event.ruleset,
        event.originator_version,
        event.event_id,
        rfc3339(event.timestamp),
    )
