"""An account's controls: the request, its response, and the controls in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from txplatform.contracts.encoding import rfc3339
from txplatform.contracts.fields import FreeText, Identifier
from txplatform.contracts.rulesets import MAX_CONTROLS_ENTRIES, controls_from_json, rules_schema
from txplatform.domain.events import ControlsChanged
from txplatform.domain.ids import AccountId, account_of
from txplatform.domain.requests import ControlsChange
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.category_deny import CategoryDeny


class ControlsRequest(BaseModel):
    """The rules that an account has of its own from now on."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "controls_id": "ctl-1",
                    "rules": [
                        {"rule": rule.RULE, **rule.EXAMPLE} for rule in (AmountLimit, CategoryDeny)
                    ],
                    "reason": "The cardholder asked for it.",
                }
            ]
        },
    )

    controls_id: Annotated[
        Identifier, Field(description="The idempotency key, for ever.", examples=["ctl-1"])
    ]
    rules: Annotated[
        list[Any],
        WithJsonSchema(rules_schema()),
        Field(
            description="All of them: what it had before is replaced; none to remove them. "
            f"Their lists have at most {MAX_CONTROLS_ENTRIES:,} entries in all."
        ),
    ]
    reason: FreeText

    def to_change(self, account_id: str) -> ControlsChange:
        """The change that is asked for.

        Raises:
            InvalidRuleSetError: The rules cannot be used.
        """
        controls = controls_from_json({"rules": self.rules})
        return ControlsChange(self.controls_id, AccountId(account_id), controls.stored, self.reason)


@dataclass(frozen=True, slots=True)
class ControlsResponse:
    """Controls as they were set.

    Attributes:
        account_version: The account's version with them.
        recorded_at: RFC 3339 UTC.
    """

    controls_id: str
    account_id: str
    rules: tuple[dict[str, Any], ...]
    reason: str
    account_version: int
    event_id: str
    recorded_at: str


@dataclass(frozen=True, slots=True)
class ControlsInForce:
    """The rules that an account has of its own; none where it was given none.

    Attributes:
        account_version: The version at which they were read.
        as_of: RFC 3339 UTC.
    """

    account_id: str
    rules: tuple[dict[str, Any], ...]
    account_version: int
    as_of: str


def controls_response(event: ControlsChanged) -> ControlsResponse:
    """Return the response that an event stands for."""
    change = event.change
    return ControlsResponse(
        change.controls_id,
        account_of(event.originator_id),
        change.rules,
        change.reason,
        event.originator_version,
        event.event_id,
        rfc3339(event.timestamp),
    )
