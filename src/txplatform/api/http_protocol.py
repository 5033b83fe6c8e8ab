"""Ignore clients' offers to upgrade from HTTP/1.1. Java's client offers HTTP/2 by default.

This module overrides internals of uvicorn's httptools protocol. Before updating uvicorn, run the
tests for upgrade offers.
"""

from time import perf_counter
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from txplatform.api.request_log import NO_ROUTE, RequestLog
from txplatform.telemetry import correlation_id, new_traceparent


class HttpProtocol(HttpToolsProtocol):
    """Ignores upgrade offers, as RFC 9110, section 7.8 allows.

    If a request offers an upgrade, httptools stops after the headers, and the body would be lost or
    parsed as the next request. Such a request is therefore parsed again without its Upgrade header.
    """

    def __init__(self, request_log: RequestLog, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request_log = request_log

    def on_headers_complete(self) -> None:
        """Start handling a request, unless it offers an upgrade and will be parsed again."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Finish reading a request, unless it offers an upgrade and will be parsed again."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserError:
                self._refuse("Invalid HTTP request received.")
            except httptools.HttpParserUpgrade as upgrade:
                if self.parser.get_method() != b"CONNECT":
                    (offset,) = upgrade.args
                    data = self._head_without_upgrade() + data[offset:]
                    continue
                self._refuse("CONNECT received, but this server is not a proxy.")
            return

    def _head_without_upgrade(self) -> bytes:
        """Return the head of the request that offers an upgrade, for a new parser."""
        head = b"%b %b HTTP/%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        kept = (header for header in self.headers if header[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        return head + b"".join(b"%b: %b\r\n" % header for header in kept) + b"\r\n"

    def _refuse(self, why: str) -> None:
        traceparent = new_traceparent()
        headers = (
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(why)),
            (b"x-correlation-id", correlation_id(traceparent).encode()),
            (b"connection", b"close"),
        )
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[400], head, why.encode()))
        self.transport.close()
        self._request_log.responded(
            NO_ROUTE, NO_ROUTE, 400, perf_counter(), traceparent, None, "invalid-http"
        )
