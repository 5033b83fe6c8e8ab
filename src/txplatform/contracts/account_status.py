"""An operator's status: the request, and the response made from the stored event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.fields import FreeText, Identifier, idempotency_key
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import OperatorStatusSet
from txplatform.domain.status import AccountStatus


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
