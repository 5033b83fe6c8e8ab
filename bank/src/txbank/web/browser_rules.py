"""The security headers of every response, and the check that a request is not forged (CSRF)."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    # Only files of this host: no inline script, no inline style, no frame, no other target.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Without a referrer, browsers would send `Origin: null` with a form.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_HSTS = "max-age=31536000"


class BrowserRules:
    """Adds the headers to each response. With HTTPS, also `Strict-Transport-Security`."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = {**_HEADERS, **({"Strict-Transport-Security": _HSTS} if https else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def check_origin(method: str, headers: Headers) -> None:
    """Refuse a request that changes something unless it comes from a page of this host.

    Browsers send `Origin` with every POST, and pages cannot change it. The session's cookie is also
    `SameSite=Strict`, so another site's request has no session at all.

    Raises:
        HTTPException: With status 403.
    """
    origin = urlsplit(headers.get("origin", "")).netloc
    if method not in {"GET", "HEAD"} and (not origin or origin != headers.get("host")):
        raise HTTPException(403, "The request did not come from a page of this bank.")
