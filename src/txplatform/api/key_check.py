"""Refuse callers without a valid API key before FastAPI, which costs several times as much."""

from starlette.types import ASGIApp, Receive, Scope, Send

from txplatform.api.authentication import Authenticator, authorization_header
from txplatform.api.exception_handlers import reported_problem, send_problem


class KeyCheck:
    """Middleware that refuses calls of `/v1` without a valid key. The endpoints check scopes."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self.app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or lifespan message."""
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            try:
                await self._authenticator.authenticate(authorization_header(scope["headers"]))
            except Exception as error:  # noqa: BLE001  # every request gets a response
                problem = reported_problem(error, scope["state"]["traceparent"])
                await send_problem(problem, scope, send)
                return
        await self.app(scope, receive, send)
