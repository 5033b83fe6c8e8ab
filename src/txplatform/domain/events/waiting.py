"""Messages that wait for the opening of their account.

A return also waits for its payment, and a correction for the presentment that it takes back.
"""

from typing import ClassVar, get_args

from txplatform.domain.account import Account
from txplatform.domain.advices import (
    Clearing,
    Correction,
    CreditLimitChange,
    Payment,
    PaymentReturn,
    Refund,
    WaitingMessage,
)
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.keys import rejected_key, waiting_key


class MessageWaiting(AdviceEvent, frozen=True):
    """A message waits and does not change the balance yet."""

    @property
    def message(self) -> WaitingMessage:
        """The waiting message."""
        message: WaitingMessage = getattr(self, self.COMMAND)
        return message

    @property
    def key(self) -> str:
        return waiting_key(self.message.key)

    def summary(self, currency: str | None) -> str:
        return f"{self.message.key} waits"

    def apply(self, account: Account) -> None:
        account.waiting[self.message.key] = self.message


class PaymentWaiting(MessageWaiting, frozen=True):
    """A payment waits for its account to be opened."""

    TOPIC: ClassVar[str] = "payment-waiting"
    COMMAND: ClassVar[str] = "payment"
    payment: Payment


class PaymentReturnWaiting(MessageWaiting, frozen=True):
    """A payment return waits for its payment."""

    TOPIC: ClassVar[str] = "payment-return-waiting"
    COMMAND: ClassVar[str] = "payment_return"
    payment_return: PaymentReturn


class CreditLimitChangeWaiting(MessageWaiting, frozen=True):
    """A limit change waits for its account to be opened."""

    TOPIC: ClassVar[str] = "credit-limit-change-waiting"
    COMMAND: ClassVar[str] = "change"
    change: CreditLimitChange


class ClearingWaiting(MessageWaiting, frozen=True):
    """A clearing waits for its account to be opened."""

    TOPIC: ClassVar[str] = "clearing-waiting"
    COMMAND: ClassVar[str] = "clearing"
    clearing: Clearing


class CorrectionWaiting(MessageWaiting, frozen=True):
    """A correction waits for the presentment that it takes back."""

    TOPIC: ClassVar[str] = "correction-waiting"
    COMMAND: ClassVar[str] = "correction"
    correction: Correction


class RefundWaiting(MessageWaiting, frozen=True):
    """A refund waits for its account to be opened."""

    TOPIC: ClassVar[str] = "refund-waiting"
    COMMAND: ClassVar[str] = "refund"
    refund: Refund


class WaitingMessageRejected(AdviceEvent, frozen=True):
    """A waiting message could not be applied, so it was rejected and parked.

    Attributes:
        reason: The reason's code, from `RefusalReason`.
        detail: The reason as a sentence.
    """

    TOPIC: ClassVar[str] = "waiting-message-rejected"
    business_key: str
    reason: str
    detail: str

    @property
    def key(self) -> str:
        return rejected_key(self.business_key)

    def summary(self, currency: str | None) -> str:
        return f"{self.business_key} rejected: {self.reason}"

    def apply(self, account: Account) -> None:
        account.waiting.pop(self.business_key, None)


WaitingKind = (
    PaymentWaiting
    | PaymentReturnWaiting
    | CreditLimitChangeWaiting
    | ClearingWaiting
    | CorrectionWaiting
    | RefundWaiting
)
WaitingEvent = WaitingKind | WaitingMessageRejected

WAITING: dict[type[WaitingMessage], type[WaitingKind]] = {
    kind.__annotations__[kind.COMMAND]: kind for kind in get_args(WaitingKind)
}
"""The event class for each kind of waiting message."""
