"""The bodies of messages that we consume from Kafka. To add a topic, add a class for its body.

Unknown members are ignored, so that producers can add fields. HTTP requests with unknown members
are refused instead, because the caller sees the error immediately.
"""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field

from txplatform.contracts.advice import (
    AdviceBody,
    DescribedAmount,
    DescribedCurrency,
    DescribedFreezeReason,
    DescribedMetadata,
    DescribedReference,
    DescribedText,
    DescribedTime,
    DescribedTransactionId,
)
from txplatform.contracts.fields import (
    AmountOrZero,
    BodyId,
    CreditLimit,
    CurrencyCode,
    OpeningBalance,
    UrlId,
    Version,
)
from txplatform.contracts.presentment import PresentmentBody
from txplatform.domain.advices import (
    CreditLimitChange,
    Direction,
    Payment,
    PaymentReturn,
    StatusChange,
)
from txplatform.domain.commands import Command
from txplatform.domain.keys import (
    clearing_key,
    credit_limit_key,
    opening_key,
    payment_key,
    payment_return_key,
    status_version_key,
)
from txplatform.domain.requests import Opening
from txplatform.domain.status import AccountStatus


class MessageBody(AdviceBody):
    """The body of an inbound message.

    Attributes:
        TOPIC: The name of the topic, which is also the CloudEvents type of the messages.
        COMMANDS: The classes of commands to which a body can be converted.
        ID: The field with the business id.
        KEY: Makes the business key of the command from that field.
    """

    TOPIC: ClassVar[str]
    COMMANDS: ClassVar[tuple[type[Command], ...]]
    ID: ClassVar[str]
    KEY: ClassVar[Callable[[Any], str]]

    model_config = ConfigDict(extra="ignore")

    account_id: UrlId

    def to_command(self) -> Command:
        """Return the command for this message, by default with the same fields."""
        (kind,) = self.COMMANDS
        return self.to_value(kind)


class AccountOpenedMessage(MessageBody):
    """`accounts.account-opened.v1`: an account was opened; its credit limit has version 0."""

    TOPIC: ClassVar[str] = "accounts.account-opened.v1"
    COMMANDS = (Opening,)
    ID = "account_id"
    KEY = opening_key

    currency: CurrencyCode
    credit_limit: CreditLimit
    opening_balance: OpeningBalance = 0
    opened_at: DescribedTime = None


def _without_case(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class AccountStatusChangedMessage(MessageBody):
    """`accounts.account-status-changed.v1`: the accounts team changed the status."""

    TOPIC: ClassVar[str] = "accounts.account-status-changed.v1"
    COMMANDS = (StatusChange,)
    ID = "status_version"
    KEY = status_version_key

    status: Annotated[
        AccountStatus,
        BeforeValidator(_without_case),
        Field(description="Read without regard to case."),
    ]
    status_version: Version
    reason_code: DescribedFreezeReason = None
    reason: DescribedText = None
    changed_at: DescribedTime = None


class CreditLimitChangedMessage(MessageBody):
    """`accounts.credit-limit-changed.v1`: the credit limit changed."""

    TOPIC: ClassVar[str] = "accounts.credit-limit-changed.v1"
    COMMANDS = (CreditLimitChange,)
    ID = "limit_version"
    KEY = credit_limit_key

    credit_limit: CreditLimit
    currency: CurrencyCode
    limit_version: Version
    effective_at: DescribedTime = None


class PaymentSubmittedMessage(MessageBody):
    """`payments.payment-submitted.v1`: the cardholder paid."""

    TOPIC: ClassVar[str] = "payments.payment-submitted.v1"
    COMMANDS = (Payment,)
    ID = "payment_id"
    KEY = payment_key

    payment_id: BodyId
    amount: Annotated[
        AmountOrZero, Field(description="Minor units of the currency. 0 is ignored: a prenote.")
    ]
    currency: CurrencyCode
    submitted_at: DescribedTime = None
    original_amount: DescribedAmount = None
    original_currency: DescribedCurrency = None
    reference: DescribedReference = None
    metadata: DescribedMetadata = None


class PaymentReturnedMessage(MessageBody):
    """`payments.payment-returned.v1`: the bank returned a payment."""

    TOPIC: ClassVar[str] = "payments.payment-returned.v1"
    COMMANDS = (PaymentReturn,)
    ID = "payment_id"
    KEY = payment_return_key

    payment_id: BodyId
    amount: Annotated[
        AmountOrZero, Field(description="Minor units of the currency. 0 is ignored: a prenote.")
    ]
    currency: CurrencyCode
    reason: DescribedText = None
    returned_at: DescribedTime = None


class PresentmentReceivedMessage(PresentmentBody, MessageBody):
    """`settlement.presentment-received.v1`: the network settles a purchase or a refund.

    A debit is a purchase, which the cardholder owes; a credit is a refund. A presentment with
    `reverses_clearing_id` takes an earlier presentment back.
    """

    TOPIC: ClassVar[str] = "settlement.presentment-received.v1"
    COMMANDS = PresentmentBody.COMMANDS
    ID = "clearing_id"
    KEY = clearing_key

    transaction_id: DescribedTransactionId = None
    direction: Direction
    presented_at: DescribedTime = None


INBOUND: dict[str, type[MessageBody]] = {body.TOPIC: body for body in MessageBody.__subclasses__()}
"""The body class of each inbound topic."""

TOPIC_OF: dict[type[Command], str] = {
    command: topic for topic, body in INBOUND.items() for command in body.COMMANDS
}
"""The inbound topic of each class of command."""
