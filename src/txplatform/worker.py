"""Runs the long-running parts of a process: threads, readiness, signals, an orderly stop.

A part that dies ends the process: better restarted by whoever runs it than silently idle.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest

from txplatform.gc_tuning import collect_seldom
from txplatform.health import Health
from txplatform.signals import stop_requests
from txplatform.telemetry import logger

STOP_TIMEOUT_S = 9
"""How long parts may take to stop; SIGTERM is answered within 10 s."""


class Part(Protocol):
    """Something that works until it is told to stop."""

    name: str

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; an exception that leaves here ends the process."""

    def health(self) -> Health:
        """How it is doing; called from another thread."""


def run_parts(
    parts: Sequence[Part], *, registry: CollectorRegistry, health_port: int | None
) -> int:
    """Run until SIGTERM or SIGINT, or until a part dies.

    Args:
        parts: What runs, each in a thread of its own.
        registry: The metrics that `/metrics` shows.
        health_port: Where `/livez`, `/readyz` and `/metrics` answer; None for nowhere.

    Returns:
        The process's exit code: 0 when told to stop, 1 when a part died.
    """
    log = logger("worker")
    stop = threading.Event()
    requests = stop_requests()
    failed: list[str] = []

    def run(part: Part) -> None:
        try:
            part.run(stop)
        except Exception:
            log.exception("part died", part=part.name)
            failed.append(part.name)
        finally:
            requests.put(None)

    server = _serve_health(parts, registry, health_port, stop) if health_port is not None else None
    threads = [threading.Thread(target=run, args=(part,), name=part.name) for part in parts]
    for thread in threads:
        thread.daemon = True
        thread.start()
    collect_seldom()
    names = ", ".join(part.name for part in parts)
    where = f", health on port {server.server_port}" if server else ""
    print(f"txplatform ready: {names}{where}", file=sys.stderr, flush=True)  # noqa: T201
    requests.get()
    stop.set()
    for thread in threads:
        thread.join(STOP_TIMEOUT_S)
        if thread.is_alive():
            log.error("part did not stop in time", part=thread.name)
            failed.append(thread.name)
    if server:
        server.shutdown()
    return 1 if failed else 0


def _serve_health(
    parts: Sequence[Part], registry: CollectorRegistry, port: int, stop: threading.Event
) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the standard library's name
            match self.path:
                case "/livez":
                    self._answer(200, b'{"status": "alive"}')
                case "/readyz" | "/startupz":
                    health = {part.name: part.health() for part in parts}
                    ready = not stop.is_set() and all(each.ready for each in health.values())
                    body = {
                        "status": "ready" if ready else "not ready",
                        "parts": {name: each.to_json() for name, each in health.items()},
                    }
                    self._answer(200 if ready else 503, json.dumps(body).encode())
                case "/metrics":
                    self._answer(200, generate_latest(registry), "text/plain; version=0.0.4")
                case _:
                    self._answer(404, b'{"status": "not found"}')

        def _answer(self, status: int, body: bytes, media_type: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes are not worth a log line."""

    server = ThreadingHTTPServer(("0.0.0.0", port), Handler)  # noqa: S104  # probes come from outside
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
