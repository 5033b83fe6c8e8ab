"""Requests, read as strictly as the platform reads them: media type, JSON and query parameters.

What two readers could understand differently is refused: repeated keys and parameters. A parameter
that the call does not have is refused too, since a misspelt filter would be ignored silently.
"""

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from decimal import Decimal
from math import isinf
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from txbank.problems import NOT_JSON, UNSUPPORTED_MEDIA_TYPE, ProblemError

_MAX_DEPTH = 32
_JSON = "application/json"


class StrictRequest(Request):
    """A request whose body is strict JSON."""

    fault: ProblemError | None = None

    async def json(self) -> Any:
        """Return the body; None if it has a fault, which `check_request` raises later.

        FastAPI reads the body before the key is checked, and callers without a key get 401 only.
        """
        try:
            return parse_json(await self.body())
        except ProblemError as fault:
            self.fault = fault
            return None


class StrictRoute(APIRoute):
    """The route of a call."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, which gets a strict request."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly


async def check_request(request: Request) -> None:
    """Check query parameters, media type and JSON of a request on a `StrictRoute`.

    Raises:
        RequestValidationError: A query parameter is unknown or repeated.
        ProblemError: The body is not JSON by its media type, or not strict JSON.
    """
    route = request.scope["route"]
    assert isinstance(request, StrictRequest)
    assert isinstance(route, APIRoute)
    known = {parameter.alias for parameter in route.dependant.query_params}
    given = Counter(name for name, _ in request.query_params.multi_items())
    unusable = [
        {
            "type": "query",
            "loc": ("query", name),
            "msg": "is given more than once"
            if name in known
            else "is not a parameter of this call",
        }
        for name, times in given.items()
        if name not in known or times > 1
    ]
    if unusable:
        raise RequestValidationError(unusable)
    if route.body_field is not None:
        media_type = request.headers.get("content-type") or _JSON
        if media_type.partition(";")[0].strip().lower() != _JSON:
            raise ProblemError(
                UNSUPPORTED_MEDIA_TYPE,
                f"The Content-Type is not {_JSON}.",
                f"Send JSON with `Content-Type: {_JSON}`.",
            )
        if not await request.body():
            raise _not_json("It is empty.")
        if request.fault is not None:
            raise request.fault


def parse_json(data: bytes) -> Any:
    """Parse one JSON value (RFC 8259). A number with a zero fraction is an integer.

    Raises:
        ProblemError: The bytes are not UTF-8 or not JSON, or have a byte order mark, NaN, Infinity,
            a number beyond the range of floats, a repeated key, or more than 32 levels.
    """
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_without_repeats,
            parse_constant=_refuse_constant,
            parse_float=_number,
        )
    except UnicodeDecodeError as error:
        raise _not_json(f"Byte {error.start} is not UTF-8.") from None
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise _not_json(f"{what} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # an integer with too many digits for Python
        raise _not_json("A number has too many digits.") from None
    _check_depth(value, _MAX_DEPTH)
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _not_json("A key is repeated within an object.")
    return value


def _refuse_constant(name: str) -> None:
    raise _not_json(f"{name} is not a JSON number.")


def _number(digits: str) -> int | float:
    value = float(digits)
    if isinf(value):
        raise _not_json("A number is too large.")
    if not value.is_integer():
        return value
    if value == 0:  # also of a tiny number, which is not 0
        mantissa = digits.lower().partition("e")[0]
        return value if mantissa.strip("-0.") else 0
    exact = Decimal(digits)  # the float rounds 1250.00000000000001
    return int(exact) if exact == exact.to_integral_value() else value


def _check_depth(value: Any, left: int) -> None:
    if isinstance(value, dict | list):
        if left == 0:
            raise _too_deep()
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)


def _too_deep() -> ProblemError:
    return _not_json(f"It has more than {_MAX_DEPTH} levels.")


def _not_json(why: str) -> ProblemError:
    return ProblemError(
        NOT_JSON,
        f"The body is not acceptable JSON. {why}",
        "Send one JSON value in UTF-8 without repeated keys.",
    )
