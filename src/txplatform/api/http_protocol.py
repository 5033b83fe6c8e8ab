"""HTTP/1.1 for clients that offer an upgrade, such as Java's, which offers HTTP/2 by default.

This overrides internals of uvicorn's httptools protocol: before an update of uvicorn, run the tests
of such offers.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """Ignores offers to upgrade, as a server may (RFC 9110, section 7.8).

    httptools takes the bytes after the header for the other protocol, so the body would be lost or
    read as the next request. Such a request is parsed a second time, without the offer.
    """

    def on_headers_complete(self) -> None:
        """Start to handle the request, unless it will be parsed again."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Report the end of the body, unless the request will be parsed again."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade as upgrade:
            (offset,) = upgrade.args
            if self.parser.get_method() == b"CONNECT":
                self._refuse("CONNECT received: this is no proxy.")
            else:
                self._read_again(data[offset:])

    def _read_again(self, body: bytes) -> None:
        head = b"%b %b HTTP/%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        kept = (header for header in self.headers if header[0] != b"upgrade")
        head += b"".join(b"%b: %b\r\n" % header for header in kept)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.data_received(head + b"\r\n" + body)

    def _refuse(self, why: str) -> None:
        self.logger.warning(why)
        self.send_400_response(why)
