"""`transactions.transaction-decisioned.v1`: every decision, approvals and declines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.encoding import to_json
from txplatform.contracts.outbound import transaction_decisioned
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.publisher.feed import Record
from txplatform.publisher.topic import OutboundTopic

if TYPE_CHECKING:
    from txplatform.contracts.decision import Decision
    from txplatform.publisher.feed import Header

TOPIC = "transactions.transaction-decisioned.v1"


def _record(position: int, event: Decision) -> Record:
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


TRANSACTION_DECISIONED = OutboundTopic(
    TOPIC,
    (AuthorizationApproved, AuthorizationDeclined),
    _record,
)
