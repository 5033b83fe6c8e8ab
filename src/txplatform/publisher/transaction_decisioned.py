"""`transactions.transaction-decisioned.v1`: every decision, approvals and declines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.encoding import to_json
from txplatform.contracts.outbound import TRANSACTION_DECISIONED, transaction_decisioned
from txplatform.publisher.feed import Record

if TYPE_CHECKING:
    from txplatform.contracts.decision import Decision
    from txplatform.publisher.feed import Header

TOPIC = TRANSACTION_DECISIONED


def decision_record(position: int, event: Decision) -> Record:
    """The message that tells of a decision."""
    message = transaction_decisioned(event)
    headers: list[Header] = [
        *binary_headers(
            event_id=message.event_id,
            event_type=TOPIC,
            subject=message.account_id,
            time=message.decided_at,
            traceparent=event.traceparent,
        ),
        ("event_id", message.event_id.encode()),
        ("account_version", b"%d" % message.account_version),
        ("log_position", b"%d" % position),
    ]
    return Record(TOPIC, message.account_id.encode(), to_json(message), headers)
