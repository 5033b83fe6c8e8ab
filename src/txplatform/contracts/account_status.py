"""An operator's status: the request, and the answer made from the stored event alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from txplatform.contracts.fields import FreeText, Identifier
from txplatform.contracts.times import rfc3339
from txplatform.domain.events import OperatorStatusSet
from txplatform.domain.ids import AccountId, account_of
from txplatform.domain.requests import OperatorStatus
from txplatform.domain.status import AccountStatus


class StatusRequest(BaseModel):
    """A status that an operator sets."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"status_id": "st-1", "status": "frozen", "reason": "The card was reported lost."}
            ]
        },
    )

    status_id: Annotated[
        Identifier, Field(description="The idempotency key, for ever.", examples=["st-1"])
    ]
    status: Annotated[AccountStatus, Field(description="`closed` is for ever.")]
    reason: FreeText

    def to_operator_status(self, account_id: str) -> OperatorStatus:
        """The status that is asked for."""
        return OperatorStatus(self.status_id, AccountId(account_id), self.status, self.reason)


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """A status as an operator set it.

    Attributes:
        status: The operator's; where the accounts team's is stricter, that holds, and the
            account's balance shows it.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

    status_id: str
    account_id: str
    status: AccountStatus
    reason: str
    account_version: int
    event_id: str
    recorded_at: str


def status_answer(event: OperatorStatusSet) -> StatusResponse:
    """The answer that this event stands for."""
    change = event.change
    return StatusResponse(
        change.status_id,
        account_of(event.originator_id),
        change.status,
        change.reason,
        event.originator_version,
        event.event_id,
        rfc3339(event.timestamp),
    )
