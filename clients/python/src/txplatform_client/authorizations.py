"""Authorizations: deciding purchases and increments, and reversing authorizations."""

from txplatform_client.call import Call, call
from txplatform_client.fields import (
    AccountId,
    Amount,
    AmountOrZero,
    Balance,
    Body,
    BusinessId,
    CurrencyCode,
    Merchant,
    Outcome,
    Priced,
    Reason,
    Time,
)


class Purchase(Priced, kw_only=True):
    """A purchase to decide.

    Attributes:
        transaction_id: The idempotency key, unique within the account. Choose it before the first
            attempt, and store it.
        amount: What the cardholder is billed, minor units of `currency`; 0 verifies the account.
        original_amount: The merchant's price, minor units of `original_currency`.
        occurred_at: The merchant's time.
        reference: An ARN, RRN or order number.
        metadata: Up to 20 keys with text; no personal data.
    """

    transaction_id: AccountId
    account_id: AccountId
    amount: AmountOrZero
    currency: CurrencyCode
    merchant: Merchant
    original_amount: AmountOrZero | None = None
    original_currency: CurrencyCode | None = None
    occurred_at: Time | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None


class Judgement(Priced):
    """The judgement of the rules on a purchase.

    Attributes:
        response_code: ISO 8583:1987 field 39: `00`, or the code of the first reason.
        authorization_code: ISO 8583:1987 field 38; None for a decline.
        reasons: The reasons of every rule that refused, most important first.
        balance: The balance after the decision; None if the account is not open.
        ruleset: The id of the rule set that decided.
        account_version: The account's version after the decision.
    """

    transaction_id: str
    account_id: str
    decision: Outcome
    response_code: str
    authorization_code: str | None
    reasons: list[Reason]
    balance: Balance | None
    ruleset: str
    account_version: int
    decided_at: Time

    @property
    def approved(self) -> bool:
        """True if the purchase is approved."""
        return self.decision == "approved"


class Decision(Judgement, kw_only=True):
    """The decision on a purchase. A decline is not an error.

    Attributes:
        kind: Always `decision`.
    """

    event_id: str
    kind: str = "decision"


class DryRun(Judgement):
    """The decision that a purchase would get.

    Attributes:
        event_id: None, since nothing is recorded.
        dry_run: False if the id was used before: then this is the stored decision.
        kind: `dry_run`, or `decision` for the stored decision.
    """

    event_id: str | None
    dry_run: bool = False
    kind: str = "dry_run"


class Increment(Body, kw_only=True):
    """A request to raise a hold.

    Attributes:
        increment_id: The idempotency key.
        amount: The amount to add to the hold, minor units.
    """

    increment_id: BusinessId
    amount: Amount


class IncrementDecision(Body):
    """The decision on an increment.

    Attributes:
        amount: The requested increment, minor units.
        expires_at: The end of the raised hold; None for a decline, or if it never expires.
    """

    increment_id: str
    transaction_id: str
    account_id: str
    decision: Outcome
    response_code: str
    reasons: list[Reason]
    amount: int
    balance: Balance | None
    ruleset: str
    expires_at: Time | None
    account_version: int
    event_id: str
    decided_at: Time


class Reversal(Body, kw_only=True):
    """A merchant's reversal.

    Attributes:
        reversal_id: The idempotency key.
        amount: The amount to release, minor units; None for the whole hold.
    """

    reversal_id: BusinessId
    amount: Amount | None = None
    occurred_at: Time | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None


class Reversed(Body):
    """A recorded reversal.

    Attributes:
        amount: The requested amount, minor units; None for the whole hold.
        released: The amount released from the hold, minor units.
        flags: Why less was released than asked, and whether describing fields were cut or lost.
        differing_fields: For a repeat, the describing fields that differ from the first request.
        balance: The balance after the reversal; None if the account is not open.
    """

    reversal_id: str
    account_id: str
    transaction_id: str
    amount: int | None
    status: str
    released: int
    flags: list[str]
    differing_fields: list[str]
    reference: str | None
    metadata: dict[str, str] | None
    balance: Balance | None
    account_version: int
    event_id: str
    recorded_at: Time


class AuthorizationCalls:
    """The calls that decide, and that release a hold. Their scope is `transactions:write`."""

    @call
    def decide_purchase(self, purchase: Purchase) -> Call[Decision]:
        """Decide a purchase. A repeat returns the first decision."""
        return Call("POST", ("process-transaction",), Decision, body=purchase)

    @call
    def try_purchase(self, purchase: Purchase) -> Call[DryRun]:
        """Return what the decision on a purchase would be, and record nothing."""
        query = {"dry_run": "true"}
        return Call("POST", ("process-transaction",), DryRun, body=purchase, query=query)

    @call
    def increment_authorization(
        self, account_id: str, transaction_id: str, increment: Increment
    ) -> Call[IncrementDecision]:
        """Decide whether to raise the hold of a purchase."""
        path = ("accounts", account_id, "transactions", transaction_id, "increments")
        return Call("POST", path, IncrementDecision, body=increment)

    @call
    def reverse_authorization(
        self, account_id: str, transaction_id: str, reversal: Reversal
    ) -> Call[Reversed]:
        """Release all or part of the hold of a purchase."""
        path = ("accounts", account_id, "transactions", transaction_id, "reversals")
        return Call("POST", path, Reversed, body=reversal)
