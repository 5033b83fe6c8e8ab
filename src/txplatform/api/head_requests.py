"""Respond to HEAD as to GET, without the body (RFC 9110, section 9.3.2)."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """Middleware that serves HEAD by the application's GET, and drops the body.

    The headers are those of GET, `Content-Length` included. Once the response has begun, the
    application learns that the client has left, so that a stream ends.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope.get("method") != "HEAD":
            await self.app(scope, receive, send)
            return
        started = asyncio.Event()

        async def receive_nothing() -> Message:
            await started.wait()
            return {"type": "http.disconnect"}

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                if "route" in as_get:
                    scope["route"] = as_get["route"]  # for the log and the trace
                await send(message)
                started.set()

        as_get = {**scope, "method": "GET"}
        await self.app(as_get, receive_nothing, send_head)
        if started.is_set():
            await send({"type": "http.response.body", "body": b""})
