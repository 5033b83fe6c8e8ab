"""Listen on a port for health probes, metrics or the API, by IPv4 and IPv6."""

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest

from txplatform.errors import TxPlatformError

ANY = "::"
"""The host that stands for all addresses of this machine, of IPv6 and of IPv4."""

_BACKLOG = 2048
_THREADS = 4
_CLIENT_WITHIN_S = 2.0
"""The longest wait for a client to send its request or to take the response."""


class CannotListenError(TxPlatformError):
    """This process cannot listen on the configured address."""


class Page(NamedTuple):
    """A response to a probe."""

    status: int
    body: bytes
    media_type: str = "application/json"


def listen(host: str, port: int, variables: str) -> socket.socket:
    """Return a listening socket.

    Args:
        host: An address or a name of this machine. `::` stands for all IPv6 and IPv4 addresses; on
            a machine without IPv6, for all IPv4 addresses.
        port: The port; 0 for any free one.
        variables: The variables that set host and port, for the error.

    Raises:
        CannotListenError: The address is in use, or is not an address of this machine.
    """
    dual_stack = host == ANY and socket.has_dualstack_ipv6()
    if host == ANY and not dual_stack:
        host = "0.0.0.0"  # noqa: S104  # probes come from other machines
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=dual_stack
        )
    except OSError as error:
        raise CannotListenError(
            f"Cannot listen on {host}:{port}.",
            why=f"{error.strerror or error}.",
            next_step=f"Set {variables}, or stop the other process.",
        ) from error
    listening.set_inheritable(True)
    return listening


def metrics_page(registry: CollectorRegistry) -> Page:
    """Return the metrics in the text format of Prometheus."""
    return Page(200, generate_latest(registry), "text/plain; version=0.0.4")


def serve_pages(listening: socket.socket, page_of: Callable[[str], Page]) -> Callable[[], None]:
    """Respond to GET requests in a few background threads.

    No thread is started later: without memory for it, `Thread.start` would never return.

    Args:
        listening: The listening socket.
        page_of: Returns the response for a path; called from several threads.

    Returns:
        A function that ends the threads and closes the socket.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = _CLIENT_WITHIN_S

        def do_GET(self) -> None:  # named by the standard library
            self.wfile.write(self._send_head())

        def do_HEAD(self) -> None:
            self._send_head()

        def _send_head(self) -> bytes:
            page = page_of(self.path)
            self.send_response(page.status)
            self.send_header("Content-Type", page.media_type)
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            return page.body

        def log_message(self, *_: object) -> None:
            """Log nothing, since probes are too frequent to log."""

    listening.setblocking(False)  # another thread may take a connection that this one was told of
    servers = [_Server(listening, Handler) for _ in range(_THREADS)]
    for server in servers:
        threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()

    def stop() -> None:
        for server in servers:
            server.shutdown()
        listening.close()

    return stop


class _Server(TCPServer):
    def __init__(
        self, listening: socket.socket, handler: Callable[..., BaseHTTPRequestHandler]
    ) -> None:
        super().__init__(listening.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening

    def handle_error(self, *_: object) -> None:
        """Ignore a client that left, or that sent too slowly."""
