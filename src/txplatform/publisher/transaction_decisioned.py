"""`transactions.transaction-decisioned.v1`: every decision, approvals and declines."""

from __future__ import annotations

from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.outbound import TransactionDecisioned
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.publisher.feed import Header, Record
from txplatform.publisher.stored_decision import encode_decision
from txplatform.publisher.topic import OutboundTopic

TOPIC = "transactions.transaction-decisioned.v1"

# What every record has alike is made once.
_SPECVERSION, _, _SOURCE, _TYPE, _, _, _CONTENT_TYPE, _ = binary_headers(
    event_id="", event_type=TOPIC, subject="", time="", traceparent=""
)


def _encode(position: int, stream: str, version: int, kind: str, state: bytes) -> Record:
    message = encode_decision(stream, version, kind, state)
    account_id, event_id = message.account_id.encode(), message.event_id.encode()
    headers: list[Header] = [
        _SPECVERSION,
        ("ce_id", event_id),
        _SOURCE,
        _TYPE,
        ("ce_subject", account_id),
        ("ce_time", message.decided_at.encode()),
        _CONTENT_TYPE,
        ("traceparent", message.traceparent.encode()),
        ("event_id", event_id),
        ("account_version", b"%d" % version),
        ("log_position", b"%d" % position),
    ]
    return Record(TOPIC, account_id, message.body, headers)


TRANSACTION_DECISIONED = OutboundTopic(
    TOPIC,
    (AuthorizationApproved, AuthorizationDeclined),
    TransactionDecisioned,
    _encode,
)
