"""Messages that came before what they need."""

from __future__ import annotations

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.advices import (
    Clearing,
    Correction,
    LimitChange,
    Payment,
    PaymentReturn,
    Refund,
    WaitingMessage,
)
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.keys import waiting_key


class MessageWaiting(AccountEvent, frozen=True):
    """A message came before what it needs; it has no effect on the money yet."""

    TOPIC: ClassVar[str]

    @property
    def command(self) -> WaitingMessage:
        """The message that waits."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        return waiting_key(self.command.key)

    @property
    def summary(self) -> str:
        return f"{self.command.key} waits"

    def apply(self, account: Account) -> None:
        account.waiting[self.command.key] = self.command


class PaymentWaiting(MessageWaiting, frozen=True):
    """A payment waits for its account to be opened."""

    TOPIC: ClassVar[str] = "payment-waiting"
    payment: Payment

    @property
    def command(self) -> Payment:
        return self.payment


class PaymentReturnWaiting(MessageWaiting, frozen=True):
    """A return waits for its payment."""

    TOPIC: ClassVar[str] = "payment-return-waiting"
    payment_return: PaymentReturn

    @property
    def command(self) -> PaymentReturn:
        return self.payment_return


class CreditLimitChangeWaiting(MessageWaiting, frozen=True):
    """A limit change waits for its account to be opened."""

    TOPIC: ClassVar[str] = "credit-limit-change-waiting"
    change: LimitChange

    @property
    def command(self) -> LimitChange:
        return self.change


class ClearingWaiting(MessageWaiting, frozen=True):
    """A clearing waits for its account to be opened."""

    TOPIC: ClassVar[str] = "clearing-waiting"
    clearing: Clearing

    @property
    def command(self) -> Clearing:
        return self.clearing


class CorrectionWaiting(MessageWaiting, frozen=True):
    """A correction waits for its account to be opened."""

    TOPIC: ClassVar[str] = "correction-waiting"
    correction: Correction

    @property
    def command(self) -> Correction:
        return self.correction


class RefundWaiting(MessageWaiting, frozen=True):
    """A refund waits for its account to be opened."""

    TOPIC: ClassVar[str] = "refund-waiting"
    refund: Refund

    @property
    def command(self) -> Refund:
        return self.refund


class WaitingMessageRejected(AccountEvent, frozen=True):
    """The prerequisite of a waiting message arrived and contradicts it; the message is parked.

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

    @property
    def summary(self) -> str:
        return f"{self.business_key} rejected: {self.reason}"

    def apply(self, account: Account) -> None:
        account.waiting.pop(self.business_key, None)


WaitingEvent = (
    PaymentWaiting
    | PaymentReturnWaiting
    | CreditLimitChangeWaiting
    | ClearingWaiting
    | CorrectionWaiting
    | RefundWaiting
    | WaitingMessageRejected
)
