"""OpenAPI entries shared by operations: problems and headers."""

from dataclasses import asdict
from typing import Any

from txplatform.api.problems import MAX_RETRY_AFTER_S
from txplatform.contracts.problems import MEDIA_TYPE, ProblemDetails, ProblemType

Responses = dict[int | str, dict[str, Any]]
"""OpenAPI response entries by HTTP status."""


def documented_header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """Return the OpenAPI entry for a response header; by default it is a short text."""
    form = schema or {"type": "string", "maxLength": 200}
    return {name: {"description": description, "schema": form}}


REPLAYED = documented_header(
    "Idempotency-Replayed",
    "`true` if this result was already recorded by an earlier request.",
    type="string",
    const="true",
)
MONEY_PROBLEMS = (ProblemType.CURRENCY_MISMATCH, ProblemType.BALANCE_OUT_OF_RANGE)
"""The problems of operations that move money."""


def _retry_after(description: str) -> dict[str, Any]:
    return documented_header(
        "Retry-After", description, type="integer", minimum=1, maximum=MAX_RETRY_AFTER_S
    )


_HEADERS = {
    401: documented_header("WWW-Authenticate", "The authentication scheme (RFC 6750)."),
    403: documented_header("WWW-Authenticate", "The scope that the call needs (RFC 6750)."),
    429: _retry_after("Seconds to wait before a retry."),
    503: _retry_after("Seconds to wait before a retry with the same ids."),
}
_ALWAYS = (
    ProblemType.UNAUTHENTICATED,
    ProblemType.FORBIDDEN,
    ProblemType.VALIDATION,
    ProblemType.RATE_LIMITED,
    ProblemType.INTERNAL,
    ProblemType.STORE_UNAVAILABLE,
)
_OF_BODIES = (
    ProblemType.NOT_JSON,
    ProblemType.IDEMPOTENCY_KEY_MISMATCH,
    ProblemType.REQUEST_TIMEOUT,
    ProblemType.ID_REUSED,
    ProblemType.BODY_TOO_LARGE,
    ProblemType.UNSUPPORTED_MEDIA_TYPE,
)


def documented(*types: ProblemType) -> Responses:
    """Return the problem entries for an operation: the common types and the given types."""
    entries: Responses = {}
    for type_ in (*_ALWAYS, *types):
        entry = entries.setdefault(
            type_.status,
            {
                "description": type_.title,
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"},
                        "examples": {},
                    }
                },
            },
        )
        if type_.status in _HEADERS:
            entry["headers"] = _HEADERS[type_.status]
        entry["content"][MEDIA_TYPE]["examples"][type_.code] = {
            "summary": type_.title,
            "value": asdict(
                ProblemDetails(
                    type_.uri,
                    type_.title,
                    type_.status,
                    "…",
                    "…",
                    "0af7651916cd43dd8448eb211c80319c",
                )
            ),
        }
    return entries


def documented_body(*types: ProblemType) -> Responses:
    """Return the problem entries for an operation with a body."""
    return documented(*(each for each in _OF_BODIES if each is not ProblemType.ID_REUSED), *types)


def documented_change(*types: ProblemType) -> Responses:
    """Return the problem entries for an operation that changes the rule book."""
    return documented(*_OF_BODIES, ProblemType.OUTCOME_UNKNOWN, *types)


def documented_command(*types: ProblemType) -> Responses:
    """Return the problem entries for an operation that submits a command to the decider."""
    return documented(*_OF_BODIES, ProblemType.OVERLOADED, ProblemType.OUTCOME_UNKNOWN, *types)
