"""The messages that the platform publishes. Other services read them.

`balance` and `account_version` are those of the account after the event. The sum of an account's
`posted_change` over all topics is its `posted`. The sum of `held` minus the sum of `released` is
its `pending`.
"""

from typing import ClassVar

from txplatform_client.authorizations import Decision, IncrementDecision
from txplatform_client.fields import Balance, Body, Direction, Merchant, Priced, Time


class TransactionDecisioned(Decision):
    """`transactions.transaction-decisioned.v1`: a decision, with details of the purchase.

    Attributes:
        occurred_at: The merchant's time.
        held: The amount added to the holds, minor units; 0 for a decline.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-decisioned.v1"

    merchant: Merchant
    occurred_at: Time | None
    reference: str | None
    metadata: dict[str, str] | None
    held: int


class AuthorizationIncremented(IncrementDecision):
    """`transactions.authorization-incremented.v1`: a decision on an increment.

    Attributes:
        held: The amount added to the hold, minor units; 0 for a decline.
    """

    TOPIC: ClassVar[str] = "transactions.authorization-incremented.v1"

    held: int


class Posted(Priced):
    """The base of messages about what moved `posted`.

    Attributes:
        posted_change: The change in what is owed, minor units.
        balance: The balance after the event.
    """

    account_id: str
    posted_change: int
    flags: list[str]
    balance: Balance
    account_version: int
    event_id: str
    recorded_at: Time


class PostedPresentment(Posted):
    """The base of messages about clearings, corrections and refunds.

    Attributes:
        transaction_id: The purchase's id; None if the sender named none. A correction has that of
            its original.
    """

    transaction_id: str | None
    merchant: Merchant | None
    original_amount: int | None
    original_currency: str | None
    occurred_at: Time | None
    presented_at: Time | None
    reference: str | None
    metadata: dict[str, str] | None


class TransactionCleared(PostedPresentment):
    """`transactions.transaction-cleared.v1`: a clearing or a correction was posted.

    Attributes:
        reverses_clearing_id: The presentment that is taken back; None for a clearing.
        amount: The same as `posted_change`: negative for the correction of a clearing.
        released: The amount released from the hold, minor units.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-cleared.v1"

    clearing_id: str
    direction: Direction
    reverses_clearing_id: str | None
    final: bool
    released: int


class TransactionRefunded(PostedPresentment):
    """`transactions.transaction-refunded.v1`: a refund was posted."""

    TOPIC: ClassVar[str] = "transactions.transaction-refunded.v1"

    refund_id: str


class PaymentApplied(Posted):
    """`transactions.payment-applied.v1`: a payment was posted."""

    TOPIC: ClassVar[str] = "transactions.payment-applied.v1"

    payment_id: str
    original_amount: int | None
    original_currency: str | None
    submitted_at: Time | None
    reference: str | None
    metadata: dict[str, str] | None


class PaymentReturnApplied(Posted):
    """`transactions.payment-returned.v1`: a payment's return was posted."""

    TOPIC: ClassVar[str] = "transactions.payment-returned.v1"

    payment_id: str
    reason: str | None
    returned_at: Time | None


class TransactionReversed(Body):
    """`transactions.transaction-reversed.v1`: a reversal was applied, also if nothing was held.

    Attributes:
        amount: The reversed amount, minor units; None for a full reversal.
        released: The amount released from the hold, minor units.
        balance: None if the account is not open.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-reversed.v1"

    reversal_id: str
    account_id: str
    transaction_id: str
    amount: int | None
    released: int
    flags: list[str]
    balance: Balance | None
    occurred_at: Time | None
    reference: str | None
    metadata: dict[str, str] | None
    account_version: int
    event_id: str
    recorded_at: Time


class HoldExpired(Body):
    """`transactions.hold-expired.v1`: a hold ended by itself.

    Attributes:
        released: The amount that was held, minor units.
    """

    TOPIC: ClassVar[str] = "transactions.hold-expired.v1"

    transaction_id: str
    account_id: str
    released: int
    balance: Balance
    account_version: int
    event_id: str
    recorded_at: Time


class OpeningApplied(Body):
    """`transactions.account-opened.v1`: the platform opened an account.

    Attributes:
        credit_limit: The first limit, minor units.
        posted_change: The opening balance, minor units.
    """

    TOPIC: ClassVar[str] = "transactions.account-opened.v1"

    account_id: str
    currency: str
    credit_limit: int
    posted_change: int
    flags: list[str]
    balance: Balance
    opened_at: Time | None
    account_version: int
    event_id: str
    recorded_at: Time


OUTBOUND = (
    TransactionDecisioned,
    AuthorizationIncremented,
    TransactionCleared,
    TransactionReversed,
    TransactionRefunded,
    HoldExpired,
    OpeningApplied,
    PaymentApplied,
    PaymentReturnApplied,
)
"""The messages that the platform publishes."""
