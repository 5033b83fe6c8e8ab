"""JSON responses, with the headers `ETag` and `Idempotency-Replayed`."""

import re
from collections.abc import Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from txplatform.api.services import services_of
from txplatform.contracts.encoding import to_json
from txplatform.domain.account_command import FlaggedCommand
from txplatform.domain.commands import Command

_TAG = re.compile(r'(?:W/)?"([^"]*)"')
"""An entity tag; weak and strong ones are compared alike."""


def json_response(
    body: object,
    status_code: int = 200,
    *,
    version: int | None = None,
    replayed: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a JSON response. `version` sets the `ETag`, `replayed` sets `Idempotency-Replayed`."""
    all_headers = dict(headers or {})
    if version is not None:
        all_headers["ETag"] = etag(version)
    if replayed:
        all_headers["Idempotency-Replayed"] = "true"
    return Response(to_json(body), status_code, all_headers, "application/json")


async def command_response(
    request: Request, command: Command, response_of: Callable[..., object]
) -> Response:
    """Submit a command. Return the recorded event, converted by `response_of`, as JSON.

    For an advice, `response_of` also gets the describing fields that differ from an earlier copy.
    """
    decided = await services_of(request).decider.submit(command, origin=request.state.origin)
    outcome = decided.outcome
    differing = (outcome.differing_fields,) if isinstance(command, FlaggedCommand) else ()
    return json_response(response_of(outcome.event, *differing), replayed=decided.replayed)


def not_modified(version: int, if_none_match: Sequence[str]) -> Response | None:
    """Return a 304 response if the caller already has this version, else None; see `is_current`."""
    if not is_current(str(version), if_none_match):
        return None
    return Response(status_code=304, headers={"ETag": etag(version)})


def is_current(tag: str, if_none_match: Sequence[str]) -> bool:
    """Return whether the caller has the version with this entity tag, given without quotes.

    `if_none_match` has the lines of the header: `*`, or lists of tags (RFC 9110, section 13.1.2).
    """
    tags = _TAG.findall(",".join(if_none_match))
    return tag in tags or "*" in map(str.strip, if_none_match)


def etag(version: int) -> str:
    """Return the entity tag for a version. It is weak, since `as_of` is the time of reading."""
    return f'W/"{version}"'
