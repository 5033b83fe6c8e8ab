"""Messages that came before what they need."""

from __future__ import annotations

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.events.keys import business_key
from txplatform.domain.values import (
    Clearing,
    Correction,
    LimitChange,
    Payment,
    PaymentReturn,
    Refund,
    WaitingMessage,
)


class MessageWaiting(AccountEvent):
    """A message came before what it needs; it has no effect on the money yet."""

    TOPIC: ClassVar[str]

    @property
    def message(self) -> WaitingMessage:
        """What waits."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        return f"waiting:{business_key(self.message)}"

    def apply(self, account: Account) -> None:
        account.waiting[business_key(self.message)] = self.message


class PaymentWaiting(MessageWaiting):
    """A payment waits for its account to be opened."""

    TOPIC: ClassVar[str] = "payment-waiting"
    payment: Payment

    @property
    def message(self) -> Payment:
        return self.payment


class PaymentReturnWaiting(MessageWaiting):
    """A return waits for its payment."""

    TOPIC: ClassVar[str] = "payment-return-waiting"
    payment_return: PaymentReturn

    @property
    def message(self) -> PaymentReturn:
        return self.payment_return


class CreditLimitChangeWaiting(MessageWaiting):
    """A limit change waits for its account to be opened."""

    TOPIC: ClassVar[str] = "credit-limit-change-waiting"
    change: LimitChange

    @property
    def message(self) -> LimitChange:
        return self.change


class ClearingWaiting(MessageWaiting):
    """A clearing waits for its account to be opened."""

    TOPIC: ClassVar[str] = "clearing-waiting"
    clearing: Clearing

    @property
    def message(self) -> Clearing:
        return self.clearing


class CorrectionWaiting(MessageWaiting):
    """A correction waits for its account to be opened."""

    TOPIC: ClassVar[str] = "correction-waiting"
    correction: Correction

    @property
    def message(self) -> Correction:
        return self.correction


class RefundWaiting(MessageWaiting):
    """A refund waits for its account to be opened."""

    TOPIC: ClassVar[str] = "refund-waiting"
    refund: Refund

    @property
    def message(self) -> Refund:
        return self.refund


class WaitingMessageRejected(AccountEvent):
    """What a message waited for arrived, and the message contradicts it; it is parked.

    Attributes:
        business_key: The waiting message's.
        reason: Why it can never be applied, a stable code.
        detail: The same in a sentence.
    """

    TOPIC: ClassVar[str] = "waiting-message-rejected"
    business_key: str
    reason: str
    detail: str

    @property
    def key(self) -> str:
        return f"rejected:{self.business_key}"

    def apply(self, account: Account) -> None:
        account.waiting.pop(self.business_key, None)
