"""Run the parts of a worker process in threads, serve their health, and stop them on a signal.

If a part raises an exception, or cannot go on, the process exits and relies on a supervisor to
restart it.
"""

import json
import sys
import threading
from collections.abc import Callable, Sequence
from queue import Empty
from socket import socket
from typing import Protocol

from prometheus_client import CollectorRegistry

from txplatform.errors import TxPlatformError
from txplatform.health import Health
from txplatform.listening import Page, metrics_page, serve_pages
from txplatform.process_setup import StopRequests, collect_seldom, stop_requests
from txplatform.telemetry import logger
from txplatform.watchdog import LOOK_EVERY_S, Watchdog

STOP_TIMEOUT_S = 9
"""The longest wait for a part to stop; the process has to stop within 10 s of SIGTERM."""


class Part(Protocol):
    """A task that runs in its own thread until the process stops."""

    name: str

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set; an exception ends the process."""

    def health(self) -> Health:
        """Return the health of this part; called from another thread."""


def run_parts(
    parts: Sequence[Part], *, registry: CollectorRegistry, listening: socket | None
) -> int:
    """Run all parts until SIGTERM or SIGINT, or until a part ends or cannot go on.

    Args:
        parts: The parts; each runs in its own thread.
        registry: The metrics for `/metrics`.
        listening: Serves `/livez`, `/readyz` and `/metrics`; if None, nothing is served.

    Returns:
        The exit code: 0 after a signal, 1 if a part failed, hung or did not stop in time.
    """
    log = logger("worker")
    stop = threading.Event()
    requests = stop_requests()
    failed: list[str] = []

    def run(part: Part) -> None:
        try:
            part.run(stop)
        except TxPlatformError as error:  # its words say what to do
            log.error("part died", part=part.name, error=str(error))  # noqa: TRY400
            failed.append(part.name)
        except Exception:
            log.exception("part died", part=part.name)
            failed.append(part.name)
        finally:
            requests.put(f"{part.name} ended")

    def health() -> dict[str, Health]:
        return {part.name: part.health() for part in parts}

    if listening is not None:
        serve_pages(listening, _pages(health, registry, stop))
    threads = [
        threading.Thread(target=run, args=(part,), name=part.name, daemon=True) for part in parts
    ]
    for thread in threads:
        thread.start()
    collect_seldom()
    names = ", ".join(part.name for part in parts)
    where = f", health on port {listening.getsockname()[1]}" if listening else ""
    print(f"txplatform ready: {names}{where}", file=sys.stderr, flush=True)  # noqa: T201
    log.info("stopping", reason=_reason_to_stop(requests, Watchdog(health), failed))
    stop.set()
    for thread in threads:
        thread.join(STOP_TIMEOUT_S)
        if thread.is_alive():
            log.error("part did not stop in time", part=thread.name)
            failed.append(thread.name)
    return 1 if failed else 0


def _reason_to_stop(requests: StopRequests, watchdog: Watchdog, failed: list[str]) -> str:
    while True:
        try:
            return requests.get(timeout=LOOK_EVERY_S)
        except Empty:
            if reason := watchdog.look():
                failed.append(reason)
                return reason


def _pages(
    healths: Callable[[], dict[str, Health]], registry: CollectorRegistry, stop: threading.Event
) -> Callable[[str], Page]:
    def page_of(path: str) -> Page:
        match path:
            case "/livez":
                return Page(200, b'{"status": "alive"}')
            case "/startupz":  # an outage is no failed start
                return Page(200, b'{"status": "started"}')
            case "/readyz":
                health = healths()
                ready = not stop.is_set() and all(each.ready for each in health.values())
                body = {
                    "status": "ready" if ready else "not ready",
                    "parts": {name: each.to_json() for name, each in health.items()},
                }
                return Page(200 if ready else 503, json.dumps(body).encode())
            case "/metrics":
                return metrics_page(registry)
        return Page(404, b'{"status": "not found"}')

    return page_of
