"""An HTTP server that keeps what it receives: webhooks, or spans."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self


class Received(NamedTuple):
    """A request, with the names of its headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A server for POST requests.

    Attributes:
        requests: What was received, in order.
        status: The status of the responses. A redirect leads to `/elsewhere`.
        responds: Cleared to let requests wait.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.status = 200
        self.responds = threading.Event()
        self.responds.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Received(self.path, headers, body))
                receiver.responds.wait()
                self.send_response(receiver.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.responds.set()
        self._server.shutdown()
        self._server.server_close()
