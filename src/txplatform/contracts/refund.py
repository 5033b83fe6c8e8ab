"""Giving money back: the request, and the answer made from the stored event alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from txplatform.contracts.fields import Amount, CurrencyCode, Identifier
from txplatform.contracts.process_transaction import MerchantFields
from txplatform.contracts.times import rfc3339
from txplatform.domain.advices import Refund
from txplatform.domain.events import PurchaseRefunded, RefundWaiting
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.domain.money import Balance
from txplatform.domain.requests import Merchant
from txplatform.domain.transaction_flags import Flag


class RefundRequest(BaseModel):
    """Money that the merchant gives back."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "refund_id": "ref-1",
                    "amount": 1200,
                    "currency": "USD",
                    "merchant": {
                        "id": "m-17",
                        "name": "Corner Books",
                        "category_code": "5942",
                        "country": "USA",
                    },
                    "transaction_id": "tx-1001",
                }
            ]
        },
    )

    refund_id: Annotated[
        Identifier,
        Field(description="The idempotency key, for ever.", examples=["ref-1"]),
    ]
    amount: Annotated[Amount, Field(description="What is given back, minor units.")]
    currency: CurrencyCode
    merchant: MerchantFields | None = None
    transaction_id: Annotated[
        Identifier | None, Field(description="The purchase that is given back, where known.")
    ] = None

    def to_refund(self, account_id: str) -> Refund:
        """The refund that is asked for."""
        merchant = self.merchant
        return Refund(
            self.refund_id,
            AccountId(account_id),
            None if self.transaction_id is None else TransactionId(self.transaction_id),
            self.amount,
            self.currency,
            None
            if merchant is None
            else Merchant(merchant.id, merchant.name, merchant.category_code, merchant.country),
        )


@dataclass(frozen=True, slots=True)
class RefundResponse:
    """A refund as it was posted, or as it waits for its account to be opened.

    Attributes:
        transaction_id: The purchase's; null where it was not named.
        amount: What is given back, minor units of `currency`.
        flags: What is unusual about it; it is posted all the same.
        balance: The money after it; null while it waits.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

    refund_id: str
    account_id: str
    transaction_id: str | None
    amount: int
    currency: str
    status: Literal["applied", "waiting"]
    flags: tuple[Flag, ...]
    balance: Balance | None
    account_version: int
    event_id: str
    recorded_at: str


def refund_answer(event: PurchaseRefunded | RefundWaiting) -> RefundResponse:
    """The answer that this event stands for."""
    refund = event.refund
    status: Literal["applied", "waiting"]
    flags: tuple[Flag, ...]
    balance: Balance | None
    match event:
        case PurchaseRefunded():
            status, flags, balance = "applied", event.flags, event.balance
        case RefundWaiting():
            status, flags, balance = "waiting", (), None
    return RefundResponse(
        refund.refund_id,
        account_of(event.originator_id),
        refund.transaction_id,
        refund.amount,
        refund.currency,
        status,
        flags,
        balance,
        event.originator_version,
        event.event_id,
        rfc3339(event.timestamp),
    )
