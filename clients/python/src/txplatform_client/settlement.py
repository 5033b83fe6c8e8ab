"""Settlement: clearings, credits, corrections and refunds.

A presentment is the card network's advice of one of these.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from txplatform_client.call import Call, call
from txplatform_client.errors import FieldProblem
from txplatform_client.fields import (
    AccountId,
    Amount,
    AmountOrZero,
    Balance,
    Body,
    BusinessId,
    CurrencyCode,
    Direction,
    Merchant,
    Priced,
    Time,
)

Status = Literal["applied", "waiting"]
"""`waiting` until the account, or the presentment that is taken back, is known."""


class Presentment(Priced, kw_only=True):
    """The base of clearings and refunds.

    Attributes:
        original_amount: The merchant's price, minor units of `original_currency`.
        reference: An ARN, RRN or order number.
        metadata: Up to 20 keys with text; no personal data.
    """

    amount: AmountOrZero
    currency: CurrencyCode
    occurred_at: Time | None = None
    merchant: Merchant | None = None
    original_amount: AmountOrZero | None = None
    original_currency: str | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None


class Clearing(Presentment, kw_only=True):
    """A clearing of a purchase whose account and transaction are in the path.

    Attributes:
        clearing_id: The idempotency key.
        amount: The amount to post, minor units; 0 only for a final debit, which ends the hold.
        direction: A `credit` is a refund.
        reverses_clearing_id: The presentment that this one takes back, for a correction.
        final: True if no more clearings follow; releases the rest of the hold.
    """

    clearing_id: BusinessId
    direction: Direction = "debit"
    reverses_clearing_id: BusinessId | None = None
    final: bool = True


class ClearingItem(Clearing, kw_only=True):
    """An item of a batch: a clearing, credit or correction with its account.

    Attributes:
        transaction_id: The purchase's id; None if it was never authorized.
    """

    account_id: AccountId
    transaction_id: AccountId | None = None


class RecordedPresentment(Priced):
    """The base of recorded clearings and refunds.

    Attributes:
        transaction_id: The purchase's id; None if the sender named none.
        flags: Unusual circumstances, and whether describing fields were cut or lost.
        differing_fields: For a repeat, the describing fields that differ from the first one's.
        balance: The balance after the posting; None while it waits.
    """

    account_id: str
    transaction_id: str | None
    status: Status
    flags: list[str]
    differing_fields: list[str]
    reference: str | None
    metadata: dict[str, str] | None
    balance: Balance | None
    account_version: int
    event_id: str
    recorded_at: Time


class RecordedClearing(RecordedPresentment):
    """A recorded clearing, credit or correction.

    Attributes:
        released: The amount released from the hold, minor units.
    """

    clearing_id: str
    direction: Direction
    reverses_clearing_id: str | None
    final: bool
    released: int


class ClearingResult(Body):
    """The outcome of one item of a batch.

    Attributes:
        clearing_id: None if the item has no well-formed id.
        result: `clean` is posted, `waiting` recorded, `bad` refused permanently. `retry` means:
            send the item again.
        reason: A stable code; None if the item is recorded.
        field: The first field at fault in a bad item.
        errors: All fields at fault in a bad item.
        replayed: True if an earlier request or message recorded the clearing.
        clearing: The recorded clearing; None if the item is not recorded.
    """

    clearing_id: str | None
    result: Literal["clean", "waiting", "bad", "retry"]
    reason: str | None = None
    detail: str | None = None
    field: str | None = None
    flags: list[str] = []  # noqa: RUF012  # msgspec copies the default
    errors: list[FieldProblem] = []  # noqa: RUF012
    replayed: bool = False
    clearing: RecordedClearing | None = None


class ClearingResults(Body):
    """The outcomes of a batch, in the order of its items, and their counts."""

    clean: int
    waiting: int
    bad: int
    retry: int
    items: list[ClearingResult]


class Refund(Presentment, kw_only=True):
    """A refund by the merchant.

    Attributes:
        refund_id: The idempotency key.
        amount: The amount to refund, minor units.
        transaction_id: The purchase's id, if it is known.
    """

    refund_id: BusinessId
    amount: Amount
    transaction_id: AccountId | None = None


class RecordedRefund(RecordedPresentment):
    """A recorded refund."""

    refund_id: str


class SettlementCalls:
    """The calls that post. Their scope is `transactions:write`."""

    @call
    def clear_purchase(
        self, account_id: str, transaction_id: str, clearing: Clearing
    ) -> Call[RecordedClearing]:
        """Post a clearing of a purchase."""
        path = ("accounts", account_id, "transactions", transaction_id, "clearings")
        return Call("POST", path, RecordedClearing, body=clearing)

    @call
    def clear_purchases(
        self, items: Sequence[ClearingItem | Mapping[str, Any]]
    ) -> Call[ClearingResults]:
        """Post a batch of 1 to 1,000 clearings, credits and corrections, independent of each other.

        Send the items whose result is `retry` again, with the same ids. An item may also be decoded
        JSON, such as a line of a file; the platform then says which of its fields are wrong.
        """
        return Call("POST", ("clearings",), ClearingResults, body={"items": items})

    @call
    def refund_purchase(self, account_id: str, refund: Refund) -> Call[RecordedRefund]:
        """Post a refund."""
        return Call("POST", ("accounts", account_id, "refunds"), RecordedRefund, body=refund)
