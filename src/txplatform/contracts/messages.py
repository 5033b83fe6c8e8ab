"""The bodies of messages that we consume from Kafka. To add a topic, add a class for its body.

Unknown members are ignored, so that producers can add fields. HTTP requests with unknown members
are refused instead, because the caller sees the error immediately.
"""

from typing import ClassVar, assert_never

from pydantic import ConfigDict, StrictBool
from typing_extensions import override

from txplatform.contracts.body import Body
from txplatform.contracts.fields import (
    Amount,
    AmountOrZero,
    CurrencyCode,
    FreeText,
    Identifier,
    UtcTime,
    Version,
)
from txplatform.contracts.process_transaction import MerchantFields
from txplatform.domain.advices import (
    Clearing,
    Correction,
    CreditLimitChange,
    Direction,
    Payment,
    PaymentReturn,
    Refund,
    StatusChange,
)
from txplatform.domain.commands import Command
from txplatform.domain.requests import Opening
from txplatform.domain.status import AccountStatus


class MessageBody(Body):
    """The body of an inbound message.

    Attributes:
        TOPIC: The name of the topic, which is also the CloudEvents type of the messages.
        COMMANDS: The classes of commands to which a body can be converted.
    """

    TOPIC: ClassVar[str]
    COMMANDS: ClassVar[tuple[type[Command], ...]]

    model_config = ConfigDict(extra="ignore")

    account_id: Identifier

    def to_command(self) -> Command:
        """Return the command for this message, by default with the same fields."""
        (kind,) = self.COMMANDS
        return self.to_value(kind)


class AccountOpenedMessage(MessageBody):
    """`accounts.account-opened.v1`: an account was opened; its credit limit has version 0."""

    TOPIC: ClassVar[str] = "accounts.account-opened.v1"
    COMMANDS = (Opening,)

    currency: CurrencyCode
    credit_limit: AmountOrZero
    opened_at: UtcTime


class AccountStatusChangedMessage(MessageBody):
    """`accounts.account-status-changed.v1`: the accounts team changed the status."""

    TOPIC: ClassVar[str] = "accounts.account-status-changed.v1"
    COMMANDS = (StatusChange,)

    status: AccountStatus
    status_version: Version
    reason: FreeText
    changed_at: UtcTime


class CreditLimitChangedMessage(MessageBody):
    """`accounts.credit-limit-changed.v1`: the credit limit changed."""

    TOPIC: ClassVar[str] = "accounts.credit-limit-changed.v1"
    COMMANDS = (CreditLimitChange,)

    credit_limit: AmountOrZero
    currency: CurrencyCode
    limit_version: Version
    effective_at: UtcTime


class PaymentSubmittedMessage(MessageBody):
    """`payments.payment-submitted.v1`: the cardholder paid."""

    TOPIC: ClassVar[str] = "payments.payment-submitted.v1"
    COMMANDS = (Payment,)

    payment_id: Identifier
    amount: Amount
    currency: CurrencyCode
    submitted_at: UtcTime


class PaymentReturnedMessage(MessageBody):
    """`payments.payment-returned.v1`: the bank returned a payment."""

    TOPIC: ClassVar[str] = "payments.payment-returned.v1"
    COMMANDS = (PaymentReturn,)

    payment_id: Identifier
    amount: Amount
    currency: CurrencyCode
    reason: FreeText
    returned_at: UtcTime


class PresentedMerchant(MerchantFields):
    """The merchant where the card was used."""

    model_config = ConfigDict(extra="ignore")


class PresentmentReceivedMessage(MessageBody):
    """`settlement.presentment-received.v1`: the network settles a purchase or a refund.

    A debit is a purchase, which the cardholder owes; a credit is a refund. A presentment with
    `reverses_clearing_id` takes an earlier presentment back.
    """

    TOPIC: ClassVar[str] = "settlement.presentment-received.v1"
    COMMANDS = (Clearing, Refund, Correction)

    clearing_id: Identifier
    transaction_id: Identifier | None = None
    direction: Direction
    reverses_clearing_id: Identifier | None = None
    amount: Amount
    currency: CurrencyCode
    original_amount: Amount | None = None
    original_currency: CurrencyCode | None = None
    final: StrictBool = True
    merchant: PresentedMerchant | None = None
    presented_at: UtcTime

    @override
    def to_command(self) -> Clearing | Refund | Correction:
        """Return a correction if the body takes a presentment back, else a clearing or a refund."""
        if self.reverses_clearing_id is not None:
            return self.to_value(Correction, without=("final",))
        of_corrections = ("direction", "reverses_clearing_id")
        match self.direction:
            case Direction.DEBIT:
                return self.to_value(Clearing, without=of_corrections)
            case Direction.CREDIT:
                return self.to_value(
                    Refund,
                    without=(*of_corrections, "final", "clearing_id"),
                    refund_id=self.clearing_id,
                    presented=True,
                )
            case _:
                assert_never(self.direction)


INBOUND: dict[str, type[MessageBody]] = {body.TOPIC: body for body in MessageBody.__subclasses__()}
"""The body class of each inbound topic."""

TOPIC_OF: dict[type[Command], str] = {
    command: topic for topic, body in INBOUND.items() for command in body.COMMANDS
}
"""The inbound topic of each class of command."""
