"""Requests to retry or discard parked messages, and the response to a bulk retry."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from txplatform.contracts import response_fields as out
from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.fields import FreeText, null_as
from txplatform.contracts.messages import INBOUND


def _is_read(topic: str) -> str:
    if topic not in INBOUND:
        raise ValueError(f"is not one of {', '.join(INBOUND)}")
    return topic


TopicName = Annotated[
    str,
    AfterValidator(_is_read),
    Field(description="The name of an inbound topic.", json_schema_extra={"enum": [*INBOUND]}),
]
"""The name of an inbound topic."""


class DiscardRequest(RequestBody):
    """A request to discard a parked message permanently."""

    model_config = with_example(reason="Sent twice; the other copy was applied.")

    reason: FreeText


_MessageId = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]


class RetryRequest(RequestBody):
    """A request to retry the parked messages of a topic that were parked for one reason."""

    model_config = with_example(topic="payments.payment-submitted.v1", reason="currency_mismatch")

    topic: TopicName
    reason: Annotated[FreeText, Field(description="The `reason` of the messages.")]
    after_id: Annotated[
        _MessageId,
        null_as(0, _MessageId),
        Field(description="`next_after_id` of the previous response, to go on."),
    ] = 0


@dataclass(frozen=True, slots=True)
class RetryResponse:
    """The result of a bulk retry.

    Attributes:
        settled: The number of messages that are no longer parked.
        parked: The number of messages that were tried and are still parked.
        next_after_id: The `after_id` with which to go on; null if all messages were tried.
    """

    settled: out.Count
    parked: out.Count
    next_after_id: out.Number | None
