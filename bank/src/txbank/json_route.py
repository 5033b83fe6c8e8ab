"""Routes whose bodies are JSON with exact numbers, as docs/contracts.md has them ("Money")."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from txplatform_client.fields import exact_number


class _JsonRequest(Request):
    async def json(self) -> Any:
        """Parse the body. 1250.0 is an integer, and 1250.00000000000001 is not rounded to one."""
        return json.loads(await self.body(), parse_float=exact_number)


class JsonRoute(APIRoute):
    """A route of a service's API, for `APIRouter(route_class=…)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what handles a request."""
        handle = super().get_route_handler()

        async def parse_and_handle(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return parse_and_handle
