"""Payments by the cardholder, and returns of payments by the bank."""

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.advices import Payment, PaymentReturn
from txplatform.domain.currencies import format_money
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.money import Balance


class PaymentReceived(AdviceEvent, frozen=True):
    """A payment was applied."""

    TOPIC: ClassVar[str] = "payment-received"
    COMMAND: ClassVar[str] = "payment"
    payment: Payment
    balance: Balance

    @property
    def posted_change(self) -> int:
        return -self.payment.amount

    def summary(self, currency: str | None) -> str:
        payment = self.payment
        return f"payment of {format_money(payment.amount, payment.currency)}, {payment.payment_id}"

    def apply(self, account: Account) -> None:
        account.posted += self.posted_change
        account.waiting.pop(self.key, None)


class PaymentReturned(AdviceEvent, frozen=True):
    """A payment return was applied, so the amount is owed again."""

    TOPIC: ClassVar[str] = "payment-returned"
    COMMAND: ClassVar[str] = "payment_return"
    payment_return: PaymentReturn
    balance: Balance

    @property
    def posted_change(self) -> int:
        return self.payment_return.amount

    def summary(self, currency: str | None) -> str:
        returned = self.payment_return
        money = format_money(returned.amount, returned.currency)
        return f"payment returned, {money}, {returned.payment_id}"

    def apply(self, account: Account) -> None:
        account.posted += self.posted_change
        account.waiting.pop(self.key, None)


PaymentEvent = PaymentReceived | PaymentReturned
