"""What the cardholder pays, and what the bank takes back."""

from __future__ import annotations

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.events.keys import payment_key, payment_return_key
from txplatform.domain.values import Payment, PaymentReturn


class PaymentReceived(AccountEvent):
    """A payment was applied."""

    TOPIC: ClassVar[str] = "payment-received"
    payment: Payment

    @property
    def key(self) -> str:
        return payment_key(self.payment.payment_id)

    def apply(self, account: Account) -> None:
        account.posted -= self.payment.amount
        account.waiting.pop(self.key, None)


class PaymentReturned(AccountEvent):
    """A payment's return was applied: it is owed again."""

    TOPIC: ClassVar[str] = "payment-returned"
    payment_return: PaymentReturn

    @property
    def key(self) -> str:
        return payment_return_key(self.payment_return.payment_id)

    def apply(self, account: Account) -> None:
        account.posted += self.payment_return.amount
        account.waiting.pop(self.key, None)
