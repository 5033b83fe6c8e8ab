"""Requests about an added rule set: activate it, evaluate it in shadow."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from txplatform.contracts.fields import FreeText, Identifier


class ActivationRequest(BaseModel):
    """Let a rule set decide."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"activation_id": "act-7", "reason": "Backtested over October, agreed."}]
        },
    )

    activation_id: Annotated[
        Identifier, Field(description="The idempotency key, for ever.", examples=["act-7"])
    ]
    reason: Annotated[FreeText, Field(description="Why, for whoever asks in years.")]


class ShadowingRequest(BaseModel):
    """Let a rule set decide along, without effect."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"shadowing_id": "sh-3", "reason": "Try it for a week first."}]
        },
    )

    shadowing_id: Annotated[
        Identifier, Field(description="The idempotency key, for ever.", examples=["sh-3"])
    ]
    reason: Annotated[FreeText, Field(description="Why, for whoever asks in years.")]
