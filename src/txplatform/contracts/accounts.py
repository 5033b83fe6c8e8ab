"""HTTP bodies for opening an account, reading its balance, and setting its status."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from txplatform.contracts import response_fields as out
from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.fields import (
    BodyIdentifier,
    CreditLimit,
    CurrencyCode,
    FreeText,
    Identifier,
    OpeningBalance,
    UtcTime,
    idempotency_key,
)
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import OperatorStatusSet
from txplatform.domain.status import AccountStatus, FreezeReason


class OpenAccountRequest(RequestBody):
    """A request to open an account."""

    model_config = with_example(account_id="acc-1", currency="USD", credit_limit=500000)

    account_id: Annotated[Identifier, idempotency_key("acc-1")]
    currency: CurrencyCode
    credit_limit: Annotated[
        CreditLimit, Field(description="The initial limit (version 0), minor units.")
    ]
    opening_balance: OpeningBalance = 0
    opened_at: Annotated[UtcTime | None, Field(description="The time of the opening.")] = None


@dataclass(frozen=True, slots=True)
class BalanceResponse:
    """An account's current balance, in minor units of the account's currency.

    Attributes:
        status: The effective status: the operator's or the accounts team's, whichever is stricter.
        posted: The amount owed; negative after an overpayment.
        pending: The sum of all holds.
        available: `credit_limit - posted - pending`.
        account_version: The version of the account that was read; also the ETag.
        as_of: The time of the read, RFC 3339 UTC.
    """

    account_id: out.AccountId
    currency: out.CurrencyCode
    status: AccountStatus
    credit_limit: out.Amount
    posted: out.Posted
    pending: out.Held
    available: out.Available
    account_version: out.AccountVersion
    as_of: out.Time


class StatusRequest(RequestBody):
    """A request by an operator to set an account's status."""

    model_config = with_example(
        status_id="st-1",
        status="frozen",
        reason_code="lost",
        reason="The card was reported lost.",
    )

    status_id: Annotated[BodyIdentifier, idempotency_key("st-1")]
    status: Annotated[AccountStatus, Field(description="`closed` is permanent.")]
    reason_code: Annotated[
        FreezeReason | None,
        BeforeValidator(lambda value: None if value == "none" else value),
        Field(
            description="Sets the response code of declines while the account is frozen: "
            "stolen 43, lost 41, suspected_fraud 59, null or `none` 62."
        ),
    ] = None
    reason: FreeText


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """An account status that an operator set.

    Attributes:
        status: The operator's status. The effective status in `BalanceResponse` may be stricter.
        reason_code: The reason of a freeze that has a response code of its own; null for others.
        account_version: The account's version after the change.
        recorded_at: RFC 3339 UTC.
    """

    status_id: out.BusinessId
    account_id: out.AccountId
    status: AccountStatus
    reason_code: FreezeReason | None
    reason: out.Text
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def status_response(event: OperatorStatusSet) -> StatusResponse:
    """Return the response for a recorded status change."""
    return from_event(StatusResponse, event)
