"""Run one or more services in this process, until SIGTERM or SIGINT.

If a part ends, or the clock is set back, the process exits and relies on a supervisor to restart
it. librdkafka waits until a time of the wall clock, so its waits would last longer by that step.
"""

import signal
import sys
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from queue import Empty, SimpleQueue

from txbank.otlp import start_tracing
from txbank.part import Part
from txbank.service import RunningService, Service
from txbank.settings import CommonSettings, given_names, load
from txbank.tracing import configure_logging, logger

_LOOK_EVERY_S = 1
_CLOCK_BACK_S = 5
"""The largest step back that is tolerated: it lengthens a wait by no more."""

_STOP_TIMEOUT_S = 9
"""The longest wait for a part to stop; a process stops within 10 s of SIGTERM."""


def run(services: Sequence[Service]) -> int:
    """Run services in this process; return the exit code.

    Returns:
        0 after a signal; 1 if a part died or did not stop, or the clock was set back.
    """
    common = load(CommonSettings)
    configure_logging(common)
    log = logger("process")
    names = [service.name for service in services]
    log.info("starting", services=names, version=version("txbank"), settings=given_names())
    export_last_spans = start_tracing(
        f"txbank-{services[0].name}" if len(services) == 1 else "txbank"
    )
    # A signal handler may interrupt a lock's holder. `SimpleQueue.put` takes no lock.
    requests: SimpleQueue[str] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_, name=number.name: requests.put(name))
    stop, failed = threading.Event(), list[str]()

    def run_part(part: Part) -> None:
        try:
            part.run(stop)
        except Exception:
            log.exception("part died", part=part.name)
        finally:
            if not stop.is_set():
                failed.append(part.name)
            requests.put(f"{part.name} ended")

    running = [RunningService(service, common) for service in services]
    threads = [
        threading.Thread(target=run_part, args=(part,), name=part.name, daemon=True)
        for each in running
        for part in each.parts
    ]
    for thread in threads:
        thread.start()
    where = ", ".join(
        f"{service.name} on {each.url}" for service, each in zip(services, running, strict=True)
    )
    print(f"txbank ready: {where}", file=sys.stderr, flush=True)  # noqa: T201
    log.info("stopping", reason=_reason_to_stop(requests, failed))
    stop.set()
    for thread in threads:
        thread.join(_STOP_TIMEOUT_S)
        if thread.is_alive():
            log.error("part did not stop in time", part=thread.name)
            failed.append(thread.name)
    for each in running:
        each.close()
    export_last_spans()
    return 1 if failed else 0


def _reason_to_stop(requests: SimpleQueue[str], failed: list[str]) -> str:
    offset_s = time.time() - time.monotonic()
    while True:
        try:
            return requests.get(timeout=_LOOK_EVERY_S)
        except Empty:
            before_s, offset_s = offset_s, time.time() - time.monotonic()
            if before_s - offset_s > _CLOCK_BACK_S:
                failed.append("the clock was set back")
                return failed[-1]
