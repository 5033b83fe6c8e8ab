"""Everything that can happen to an account: what is remembered, and what it changes.

These are stored for ever. A class may gain a field with a default; it never loses or
renames one, and its `TOPIC` (the name it is stored under) never changes.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, TypeVar

from eventsourcing.domain import CanMutateAggregate, MetaDomainEvent

from txplatform.domain.account import Account
from txplatform.domain.facts import LimitChange, Opening, Payment, PaymentReturn
from txplatform.domain.ids import account_of
from txplatform.domain.money import Balance
from txplatform.domain.purchase import Purchase
from txplatform.domain.reasons import APPROVED_RESPONSE_CODE, Reason

if TYPE_CHECKING:
    from eventsourcing.domain import BaseAggregate

TAccount = TypeVar("TAccount", bound="BaseAggregate[str]")
WaitingMessage = Payment | PaymentReturn | LimitChange
"""What can come before its prerequisite: the account, or for a return the payment."""


class AccountEvent(CanMutateAggregate[str], metaclass=MetaDomainEvent):
    """One thing that happened to one account.

    Attributes:
        originator_id: The account's stream.
        originator_version: The account's version after this event, from 1 without gaps (I7).
        timestamp: When it was decided, by the service's clock, UTC.
        event_id: Unique for ever.
        traceparent: W3C Trace Context of what caused it.
    """

    TOPIC: ClassVar[str]

    originator_id: str
    originator_version: int
    timestamp: datetime
    event_id: str
    traceparent: str

    @property
    def key(self) -> str:
        """`<kind>:<business id>`, unique within the account for ever (I3)."""
        raise NotImplementedError

    def mutate(self, aggregate: TAccount | None) -> TAccount | None:
        """Apply this event; the first one of a stream creates the account."""
        if aggregate is None:
            aggregate = Account.unopened(account_of(self.originator_id))  # type: ignore[assignment]
        return super().mutate(aggregate)

    def apply(self, account: Account) -> None:
        """Change the account's state."""


class AccountOpened(AccountEvent):
    """The account may be used from now on."""

    TOPIC: ClassVar[str] = "account-opened"
    opening: Opening

    @property
    def key(self) -> str:
        return opening_key()

    def apply(self, account: Account) -> None:
        account.currency = self.opening.currency
        account.credit_limit = self.opening.credit_limit


class CreditLimitChanged(AccountEvent):
    """A newer credit limit is in force."""

    TOPIC: ClassVar[str] = "credit-limit-changed"
    change: LimitChange

    @property
    def key(self) -> str:
        return limit_change_key(self.change)

    def apply(self, account: Account) -> None:
        account.credit_limit = self.change.credit_limit
        account.limit_version = self.change.limit_version
        account.waiting.pop(self.key, None)


class CreditLimitChangeSuperseded(AccountEvent):
    """A limit older than the one in force arrived: noted, without effect."""

    TOPIC: ClassVar[str] = "credit-limit-change-superseded"
    change: LimitChange

    @property
    def key(self) -> str:
        return limit_change_key(self.change)


class AuthorizationApproved(AccountEvent):
    """A purchase was approved; its amount is held.

    Attributes:
        authorization_code: Six characters, for the merchant's receipt.
        balance: The money after it.
        ruleset: The rules it passed.
    """

    TOPIC: ClassVar[str] = "authorization-approved"
    purchase: Purchase
    authorization_code: str
    balance: Balance
    ruleset: str

    @property
    def key(self) -> str:
        return authorization_key(self.purchase.transaction_id)

    @property
    def response_code(self) -> str:
        """ISO 8583:1987 field 39."""
        return APPROVED_RESPONSE_CODE

    def apply(self, account: Account) -> None:
        account.pending += self.purchase.amount


class AuthorizationDeclined(AccountEvent):
    """A purchase was declined; nothing is held.

    Attributes:
        reasons: Every rule's refusal, most important first.
        balance: The money at the decision; None where there was no account.
        ruleset: The rules it was held against.
    """

    TOPIC: ClassVar[str] = "authorization-declined"
    purchase: Purchase
    reasons: tuple[Reason, ...]
    balance: Balance | None
    ruleset: str

    @property
    def key(self) -> str:
        return authorization_key(self.purchase.transaction_id)

    @property
    def response_code(self) -> str:
        """ISO 8583:1987 field 39 of the most important reason."""
        return self.reasons[0].response_code


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


EVENT_TYPES: tuple[type[AccountEvent], ...] = (
    AccountOpened,
    CreditLimitChanged,
    CreditLimitChangeSuperseded,
    AuthorizationApproved,
    AuthorizationDeclined,
    PaymentReceived,
    PaymentReturned,
    PaymentWaiting,
    PaymentReturnWaiting,
    CreditLimitChangeWaiting,
    WaitingMessageRejected,
)
"""Every kind of event that a stream may hold."""


def opening_key() -> str:
    """An account is opened once."""
    return "account-opened"


def limit_change_key(change: LimitChange) -> str:
    """The business key of a limit change: its limit version."""
    return f"credit-limit:{change.limit_version}"


def authorization_key(transaction_id: str) -> str:
    """The business key of a purchase."""
    return f"authorization:{transaction_id}"


def payment_key(payment_id: str) -> str:
    """The business key of a payment."""
    return f"payment:{payment_id}"


def payment_return_key(payment_id: str) -> str:
    """The business key of a payment's return."""
    return f"payment-return:{payment_id}"


def business_key(message: WaitingMessage | Opening) -> str:
    """The business key of a message."""
    match message:
        case Opening():
            return opening_key()
        case Payment():
            return payment_key(message.payment_id)
        case PaymentReturn():
            return payment_return_key(message.payment_id)
        case LimitChange():
            return limit_change_key(message)
