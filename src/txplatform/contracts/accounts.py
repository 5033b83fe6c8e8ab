"""Accounts over HTTP: requests to open one or to set its status, and its balance."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.fields import (
    AmountOrZero,
    CurrencyCode,
    FreeText,
    Identifier,
    UtcTime,
    idempotency_key,
)
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import OperatorStatusSet
from txplatform.domain.status import AccountStatus


class OpenAccountRequest(RequestBody):
    """An account to open."""

    model_config = with_example(account_id="acc-1", currency="USD", credit_limit=500000)

    account_id: Annotated[Identifier, idempotency_key("acc-1")]
    currency: CurrencyCode
    credit_limit: Annotated[AmountOrZero, Field(description="Minor units; limit version 0.")]
    opened_at: Annotated[UtcTime | None, Field(description="When it was opened.")] = None


@dataclass(frozen=True, slots=True)
class BalanceResponse:
    """An account's money at its newest version, in minor units of its currency.

    Attributes:
        status: The stricter of the operator's and the accounts team's status.
        posted: The amount owed; negative after an overpayment.
        pending: The amount that approved authorizations hold.
        available: `credit_limit - posted - pending`.
        account_version: The version at which the money was read, also the ETag.
        as_of: The time of reading, RFC 3339 UTC.
    """

    account_id: str
    currency: str
    status: AccountStatus
    credit_limit: int
    posted: int
    pending: int
    available: int
    account_version: int
    as_of: str


class StatusRequest(RequestBody):
    """A status that an operator sets."""

    model_config = with_example(
        status_id="st-1", status="frozen", reason="The card was reported lost."
    )

    status_id: Annotated[Identifier, idempotency_key("st-1")]
    status: Annotated[AccountStatus, Field(description="`closed` is permanent.")]
    reason: FreeText


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """A status that an operator set.

    Attributes:
        status: The operator's status. If the accounts team's is stricter, that one is in force;
            the account's balance shows it.
        account_version: The account's version after it.
        recorded_at: RFC 3339 UTC.
    """

    status_id: str
    account_id: str
    status: AccountStatus
    reason: str
    account_version: int
    event_id: str
    recorded_at: str


def status_response(event: OperatorStatusSet) -> StatusResponse:
    """Return the status that an event records."""
    return from_event(StatusResponse, event)
