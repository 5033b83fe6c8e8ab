"""What is told of a decision, straight from the JSON that is stored of it.

What a body looks like is said in `contracts/outbound.py`, and a test holds both to the same bytes
(I4). Making it that way, by way of the domain's objects, takes several times as long, and the
publisher does little else. What an old event lacks has the default that its class has; what has
always been whole, and is told as it is stored, is not even read.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from txplatform.contracts.times import rfc3339
from txplatform.domain.events import AuthorizationApproved
from txplatform.domain.ids import account_of
from txplatform.domain.reasons import APPROVED_RESPONSE_CODE

_WITH_MICROSECONDS = len("2026-11-20T10:15:00.123456Z")


class _Purchase(Struct, gc=False):
    transaction_id: str
    amount: int
    currency: str
    merchant: Raw
    occurred_at: str | None = None


class _Reason(Struct, gc=False):
    code: str
    response_code: str
    message: str
    observed: int | str | None = None
    limit: int | str | None = None


class _Approved(Struct, gc=False):
    timestamp: str
    event_id: str
    traceparent: str
    purchase: _Purchase
    authorization_code: str
    balance: Raw
    ruleset: str


class _Declined(Struct, gc=False):
    timestamp: str
    event_id: str
    traceparent: str
    purchase: _Purchase
    reasons: tuple[_Reason, ...]
    balance: Raw
    ruleset: str


class _Body(Struct, gc=False):
    transaction_id: str
    account_id: str
    decision: str
    response_code: str
    authorization_code: str | None
    reasons: tuple[_Reason, ...]
    amount: int
    currency: str
    balance: Raw
    ruleset: str
    account_version: int
    event_id: str
    decided_at: str
    merchant: Raw
    occurred_at: str | None


class DecisionMessage(Struct, gc=False):
    """A decision's message.

    Attributes:
        body: JSON.
        decided_at: RFC 3339, as in the body.
        traceparent: Of the request that it answered.
    """

    account_id: str
    event_id: str
    decided_at: str
    traceparent: str
    body: bytes


_read_approved = Decoder(_Approved).decode
_read_declined = Decoder(_Declined).decode
_write = Encoder().encode


def tell_decision(stream: str, version: int, kind: str, state: bytes) -> DecisionMessage:
    """The message of a stored decision.

    Raises:
        ValueError: The bytes are no such event.
    """
    account_id = account_of(stream)
    reasons: tuple[_Reason, ...] = ()
    authorization_code = None
    facts: _Approved | _Declined
    if kind == AuthorizationApproved.TOPIC:
        facts = approved = _read_approved(state)
        decision, response_code = "approved", APPROVED_RESPONSE_CODE
        authorization_code = approved.authorization_code
    else:
        facts = declined = _read_declined(state)
        reasons = declined.reasons
        decision, response_code = "declined", reasons[0].response_code
    purchase = facts.purchase
    occurred_at = purchase.occurred_at
    decided_at = _utc(facts.timestamp)
    body = _Body(
        purchase.transaction_id,
        account_id,
        decision,
        response_code,
        authorization_code,
        reasons,
        purchase.amount,
        purchase.currency,
        facts.balance,
        facts.ruleset,
        version,
        facts.event_id,
        decided_at,
        purchase.merchant,
        None if occurred_at is None else _utc(occurred_at),
    )
    return DecisionMessage(account_id, facts.event_id, decided_at, facts.traceparent, _write(body))


def _utc(text: str) -> str:
    """Return a stored time as it is published: with microseconds, stored or not, and Z for UTC."""
    if len(text) == _WITH_MICROSECONDS:
        return text
    return rfc3339(datetime.fromisoformat(text))
