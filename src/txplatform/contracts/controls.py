"""An account's controls (its own rules): the request to set them, and the responses."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema

from txplatform.contracts import response_fields as out
from txplatform.contracts.body import RequestBody
from txplatform.contracts.fields import FreeText, Identifier, idempotency_key
from txplatform.contracts.ruleset_schema import rules_schema
from txplatform.contracts.rulesets import MAX_CONTROLS_ENTRIES, controls_from_json
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import ControlsChanged
from txplatform.domain.ids import AccountId
from txplatform.domain.requests import ControlsChange
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.category_lists import CategoryDeny

_Rules = Annotated[
    tuple[dict[str, Any], ...],
    WithJsonSchema(rules_schema() | {"description": "The account's own rules."}),
]


class ControlsRequest(RequestBody):
    """A request to replace an account's controls (its own rules)."""

    model_config = ConfigDict(
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

    controls_id: Annotated[Identifier, idempotency_key("ctl-1")]
    rules: Annotated[
        list[Any],
        WithJsonSchema(rules_schema()),
        Field(
            description="All of the account's own rules; an empty list removes them. "
            f"Lists in them may have at most {MAX_CONTROLS_ENTRIES:,} entries in total."
        ),
    ]
    reason: FreeText

    def to_change(self, account_id: str) -> ControlsChange:
        """Return the requested change.

        Raises:
            InvalidRuleSetError: A rule is invalid, or the lists are too long.
        """
        rules = controls_from_json({"rules": self.rules}).stored
        return self.to_value(ControlsChange, account_id=AccountId(account_id), rules=rules)


@dataclass(frozen=True, slots=True)
class ControlsResponse:
    """The controls that a request has set.

    Attributes:
        account_version: The account's version after the change.
        recorded_at: RFC 3339 UTC.
    """

    controls_id: out.RequestId
    account_id: out.AccountId
    rules: _Rules
    reason: out.Text
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


@dataclass(frozen=True, slots=True)
class ControlsInForce:
    """An account's current controls; `rules` is empty if there are none.

    Attributes:
        account_version: The version of the account that was read.
        as_of: The time of the read, RFC 3339 UTC.
    """

    account_id: out.AccountId
    rules: _Rules
    account_version: out.AccountVersion
    as_of: out.Time


def controls_response(event: ControlsChanged) -> ControlsResponse:
    """Return the response for a recorded change."""
    return from_event(ControlsResponse, event)
