"""`transactions.transaction-decisioned.v1`: every decision, approvals and declines."""

from typing_extensions import override

from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.outbound import TransactionDecisioned
from txplatform.publisher.feed import Header, Record
from txplatform.publisher.stored_decision import encode_decision
from txplatform.publisher.topic import OutboundTopic

_TOPIC = TransactionDecisioned.TOPIC

# The headers that all records have in common are made once.
_SPECVERSION, _, _SOURCE, _TYPE, _, _, _CONTENT_TYPE, _ = binary_headers(
    event_id="", event_type=_TOPIC, subject="", time="", traceparent=""
)


class DecisionTopic(OutboundTopic):
    """Encodes decisions, of which there are far more than other events, without decoding them."""

    @override
    def encode(self, position: int, stream: str, version: int, kind: str, state: bytes) -> Record:
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
        return Record(_TOPIC, account_id, message.body, headers)
