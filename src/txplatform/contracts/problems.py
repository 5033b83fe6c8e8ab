"""Problem types, and the body of error responses (RFC 9457)."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated

from annotated_types import MaxLen

from txplatform.contracts import response_fields as out

MEDIA_TYPE = "application/problem+json"

MAX_FIELD_PROBLEMS = 50
"""The most invalid fields that a response lists."""


class ProblemType(Enum):
    """A type of problem.

    Attributes:
        type: The stable name, for clients to branch on.
        uri: The name as the URI reference that responses have as `type`.
    """

    INVALID_HTTP = "invalid-http", 400, "The request is not valid HTTP"
    NOT_JSON = "not-json", 400, "The body is not acceptable JSON"
    IDEMPOTENCY_KEY_MISMATCH = (
        "idempotency-key-mismatch",
        400,
        "The header Idempotency-Key differs from the id in the body",
    )
    UNAUTHENTICATED = "unauthenticated", 401, "The API key is missing, unknown or expired"
    FORBIDDEN = "forbidden", 403, "The API key does not permit this call"
    NOT_FOUND = "not-found", 404, "There is no such resource"
    ACCOUNT_NOT_FOUND = "account-not-found", 404, "The account has not been opened"
    RULESET_NOT_FOUND = "ruleset-not-found", 404, "There is no such rule set"
    SHADOWING_NOT_FOUND = "shadowing-not-found", 404, "The rule set has no such shadowing"
    TRANSACTION_NOT_FOUND = "transaction-not-found", 404, "There is no such transaction"
    MESSAGE_NOT_FOUND = "message-not-found", 404, "There is no such inbound message"
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The resource does not support the method"
    REQUEST_TIMEOUT = "request-timeout", 408, "The request was not complete in time"
    ID_REUSED = "id-reused", 409, "The id was already used with other fields"
    ACCOUNT_CLOSED = "account-closed", 409, "The account is permanently closed"
    MESSAGE_NOT_PARKED = "message-not-parked", 409, "The message is not parked"
    CONTENTS_NOT_KEPT = "contents-not-kept", 409, "The message's contents are not stored"
    RULESET_IN_FORCE = "ruleset-in-force", 409, "The rule set is already active"
    BODY_TOO_LARGE = "body-too-large", 413, "The body is too large"
    URI_TOO_LONG = "uri-too-long", 414, "The URL is too long"
    UNSUPPORTED_MEDIA_TYPE = (
        "unsupported-media-type",
        415,
        "The body is not plain application/json",
    )
    VALIDATION = "validation", 422, "The request has invalid fields"
    INVALID_CURSOR = "invalid-cursor", 422, "The cursor belongs to another list or to other filters"
    CURRENCY_MISMATCH = "currency-mismatch", 422, "The account has another currency"
    BALANCE_OUT_OF_RANGE = (
        "balance-out-of-range",
        422,
        "The balance would exceed the supported range",
    )
    WRONG_DIRECTION = "wrong-direction", 422, "The correction has its original's direction"
    RATE_LIMITED = "rate-limited", 429, "The API key sends too many requests"
    TOO_MANY_STREAMS = "too-many-streams", 429, "Too many event streams are open"
    HEAD_TOO_LARGE = "head-too-large", 431, "The head of the request is too large"
    INTERNAL = "internal", 500, "The service failed"
    NOT_IMPLEMENTED = "not-implemented", 501, "The method or the transfer coding is not supported"
    OVERLOADED = "overloaded", 503, "Too many requests are waiting"
    STORE_UNAVAILABLE = "store-unavailable", 503, "The event store is unavailable"
    OUTCOME_UNKNOWN = "outcome-unknown", 503, "The request may have been recorded"
    HTTP_VERSION_NOT_SUPPORTED = (
        "http-version-not-supported",
        505,
        "The version of HTTP is not supported",
    )

    def __init__(self, code: str, status: int, title: str) -> None:
        self.code = code
        self.uri = f"/problems/{code}"
        self.status = status
        self.title = title


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """An invalid field.

    Attributes:
        pointer: A JSON pointer into the request body; empty for the whole body. It is cut after
            1,000 characters.
        message: What is wrong with the field, without its value.
    """

    pointer: out.Pointer
    message: out.Sentence


@dataclass(frozen=True)
class ProblemDetails:
    """The body of every error (RFC 9457).

    Attributes:
        type: The problem type: `/problems/` and its stable name.
        detail: The fault and its cause.
        next_step: The recommended next step for the caller.
        errors: One entry for each of the first invalid fields.
        correlation_id: The id to search for in the service's logs.
    """

    type: out.Text
    title: out.Text
    status: out.HttpStatus
    detail: out.Detail
    next_step: out.Detail
    correlation_id: out.TraceId
    errors: Annotated[list[FieldProblem], MaxLen(MAX_FIELD_PROBLEMS)] = field(default_factory=list)
