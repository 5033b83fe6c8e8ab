"""What is told of a decision, straight from the JSON that is stored of it.

What a body looks like is said in `contracts/outbound.py`. Making it that way, by way of the
domain's objects, takes several times as long, and the publisher does little else. A test
holds both to the same bytes (I4). What is not stored in just today's shape goes that way.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

import orjson

from txplatform.contracts.encoding import to_json
from txplatform.contracts.outbound import transaction_decisioned
from txplatform.contracts.times import rfc3339
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import account_of
from txplatform.domain.money import Balance
from txplatform.domain.purchase import Merchant
from txplatform.domain.reasons import APPROVED_RESPONSE_CODE, Reason
from txplatform.eventstore.mapper import decode_event

Body = dict[str, Any]
"""The body of a message, ready for JSON."""

# Classes of stored values only ever gain fields: where the number is right, so are the names.
_MERCHANT, _BALANCE, _REASON = (len(fields(cls)) for cls in (Merchant, Balance, Reason))

_UTC, _WITH_MICROSECONDS = "+00:00", len("2026-11-20T10:15:00.123456+00:00")


def read_decision(stream: str, version: int, kind: str, state: bytes) -> tuple[Body, str]:
    """The body of its message, and its trace context."""
    facts = orjson.loads(state)
    try:
        purchase, balance = facts["purchase"], facts["balance"]
        merchant, occurred_at = purchase["merchant"], purchase["occurred_at"]
        if kind == AuthorizationApproved.TOPIC:
            decision, response_code = "approved", APPROVED_RESPONSE_CODE
            authorization_code, reasons = facts["authorization_code"], ()
        else:
            decision, authorization_code, reasons = "declined", None, facts["reasons"]
            response_code = reasons[0]["response_code"]
        if _lacks_fields(merchant, balance, reasons):
            return _by_its_class(stream, version, kind, state), facts["traceparent"]
        return {
            "transaction_id": purchase["transaction_id"],
            "account_id": account_of(stream),
            "decision": decision,
            "response_code": response_code,
            "authorization_code": authorization_code,
            "reasons": reasons,
            "amount": purchase["amount"],
            "currency": purchase["currency"],
            "balance": balance,
            "ruleset": facts["ruleset"],
            "account_version": version,
            "event_id": facts["event_id"],
            "decided_at": _utc(facts["timestamp"]),
            "merchant": merchant,
            "occurred_at": None if occurred_at is None else _utc(occurred_at),
        }, facts["traceparent"]
    except KeyError:
        return _by_its_class(stream, version, kind, state), facts["traceparent"]


def _lacks_fields(merchant: Body, balance: Body | None, reasons: tuple[()] | list[Body]) -> bool:
    """Whether an event was stored before what is passed on as it stands had all its fields."""
    return (
        len(merchant) != _MERCHANT
        or (balance is not None and len(balance) != _BALANCE)
        or (reasons != () and any(len(reason) != _REASON for reason in reasons))
    )


def _utc(text: str) -> str:
    """A stored time as it is told: always with microseconds, and Z for UTC."""
    if len(text) == _WITH_MICROSECONDS and text.endswith(_UTC):
        return text[: -len(_UTC)] + "Z"
    return rfc3339(datetime.fromisoformat(text))


def _by_its_class(stream: str, version: int, kind: str, state: bytes) -> Body:
    """The same by way of the event's class, which knows what a missing field means."""
    event = decode_event(stream, version, kind, state)
    assert isinstance(event, AuthorizationApproved | AuthorizationDeclined)
    body: Body = orjson.loads(to_json(transaction_decisioned(event)))
    return body
