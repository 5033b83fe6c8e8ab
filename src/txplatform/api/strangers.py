"""Refuse callers without a valid API key before FastAPI, which would cost several times as much."""

from starlette.types import ASGIApp, Receive, Scope, Send

from txplatform.api.authentication import Authenticator, authorization_header
from txplatform.api.exception_handlers import problem_of
from txplatform.api.problems import ProblemError, problem_response
from txplatform.decisions.errors import StoreUnavailableError
from txplatform.telemetry import correlation_id


class RefuseStrangers:
    """An application whose `/v1` needs a key. The operations check the scopes."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self.app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or lifespan message."""
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            try:
                await self._authenticator.authenticate(authorization_header(scope["headers"]))
            except (ProblemError, StoreUnavailableError) as error:
                problem, state = problem_of(error), scope["state"]
                problem.note(state)
                trace = correlation_id(state["traceparent"])
                status, headers, body = problem_response(problem, trace)
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                return
        await self.app(scope, receive, send)
