"""Requests to activate a rule set or to evaluate it in shadow."""

from typing import Annotated

from pydantic import ConfigDict, Field

from txplatform.contracts.body import RequestBody
from txplatform.contracts.fields import FreeText, Identifier, idempotency_key

_Reason = Annotated[FreeText, Field(description="The reason, recorded permanently.")]


class ActivationRequest(RequestBody):
    """A request to activate a rule set."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"activation_id": "act-7", "reason": "Backtested over October, agreed."}]
        },
    )

    activation_id: Annotated[Identifier, idempotency_key("act-7")]
    reason: _Reason


class ShadowingRequest(RequestBody):
    """A request to evaluate a rule set in shadow, without affecting decisions."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"shadowing_id": "sh-3", "reason": "Try it for a week first."}]
        },
    )

    shadowing_id: Annotated[Identifier, idempotency_key("sh-3")]
    reason: _Reason
